package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	coreclient "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// callTimeout is how long a question may take, waiting for its turn included: a silent API server holds a caller no longer.
const callTimeout = 3 * time.Second

// apiServer is who is asked.
type apiServer struct {
	tokens  authenticationclient.TokenReviewInterface
	reviews authorizationclient.SubjectAccessReviewInterface
	// namespaces are for people who ask about all of them.
	namespaces coreclient.NamespaceInterface

	http  *http.Client
	asked *prometheus.HistogramVec
	log   *slog.Logger
	// isAway is set while the last question was not answered, so that an outage is one line of the log.
	isAway atomic.Bool
}

// connectByKubeconfig returns the API server that the kubeconfig file, or what stands for an empty one, names.
func connectByKubeconfig(kubeconfig string, log *slog.Logger) (*apiServer, error) {
	config, err := loadConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("find the Kubernetes API server: %w; give --kubeconfig", err)
	}
	return connectTo(config, log)
}

// loadConfig looks where controllers look.
func loadConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" && os.Getenv(clientcmd.RecommendedConfigPathEnvVar) == "" {
		config, err := rest.InClusterConfig()
		if !errors.Is(err, rest.ErrNotInCluster) {
			return config, err
		}
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{}).ClientConfig()
}

func connectTo(config *rest.Config, log *slog.Logger) (*apiServer, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // turns bound how much is asked at a time; the default of 5 a second would stretch 64 reviews to 12 s
	config.UserAgent = "lectern"
	config.ContentType = runtime.ContentTypeProtobuf
	// Over HTTP/2 all questions share one connection, and when that goes silent it is 45 s until the client notices. Over
	// HTTP/1.1 a question that ran out of time takes its connection with it.
	config.NextProtos = []string{"http/1.1"}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the Kubernetes API server: %w", err)
	}
	authentication, err := authenticationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("make a client for the Kubernetes API server: %w", err)
	}
	authorization, err := authorizationclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("make a client for the Kubernetes API server: %w", err)
	}
	core, err := coreclient.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("make a client for the Kubernetes API server: %w", err)
	}
	return &apiServer{
		tokens: authentication.TokenReviews(), reviews: authorization.SubjectAccessReviews(), namespaces: core.Namespaces(),
		http: client, log: log,
		asked: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lectern_access_review_duration_seconds",
			Help:    "How long the Kubernetes API server took to review a token, or what a caller may do, by what came of it.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, callTimeout.Seconds()},
		}, []string{"review", "result"}),
	}, nil
}

// The kinds of reviews, and what comes of them, as the metric names them.
const (
	tokenReview         = "token"
	subjectAccessReview = "subject_access"

	resultAllowed     = "allowed"
	resultDenied      = "denied"
	resultUnavailable = "unavailable"
)

// noteAnswer counts an answer.
func (s *apiServer) noteAnswer(review, result string, began time.Time) {
	s.asked.WithLabelValues(review, result).Observe(time.Since(began).Seconds())
	if s.isAway.Load() && s.isAway.CompareAndSwap(true, false) {
		s.log.Info("The Kubernetes API server answers reviews again")
	}
}

// noteFailure counts a question that was not answered, and returns what the caller gets. Why is for the log alone.
func (s *apiServer) noteFailure(ctx context.Context, review string, began time.Time, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return waitError(ctx)
	}
	s.asked.WithLabelValues(review, resultUnavailable).Observe(time.Since(began).Seconds())
	if s.isAway.CompareAndSwap(false, true) {
		advice := "callers are answered from what was reviewed before, until that expires"
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			advice = "allow this program's own account to create tokenreviews.authentication.k8s.io and subjectaccessreviews.authorization.k8s.io (ClusterRole lectern-server)"
		}
		s.log.Error("The Kubernetes API server does not answer reviews", "review", review, "error", err.Error(), "advice", advice)
	}
	return ErrUnavailable
}

// waitError is that of a caller who did not wait for the answer.
func waitError(ctx context.Context) error {
	return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
}
