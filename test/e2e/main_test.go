//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// patience bounds what a cluster on a small machine does within a minute.
const patience = 5 * time.Minute

// world is the cluster, and what is installed into it.
type world struct {
	config  *rest.Config
	objects client.Client
	api     *kubernetes.Clientset
	// image, clientImage, fakeSDPImage and postgresImage are NAME:TAG; an empty postgresImage is the chart's.
	image, clientImage, fakeSDPImage, postgresImage string
	// helm and helm3 are programs.
	helm, helm3 string
	figures     string

	mu sync.Mutex
}

var cluster *world

func TestMain(m *testing.M) {
	var err error
	if cluster, err = connect(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func connect() (*world, error) {
	w := &world{
		image: os.Getenv("LECTERN_E2E_IMAGE"), clientImage: os.Getenv("LECTERN_E2E_CLIENT_IMAGE"), postgresImage: os.Getenv("LECTERN_E2E_POSTGRES_IMAGE"),
		fakeSDPImage: os.Getenv("LECTERN_E2E_FAKE_SDP_IMAGE"),
		helm:         os.Getenv("LECTERN_E2E_HELM"), helm3: os.Getenv("LECTERN_E2E_HELM3"), figures: os.Getenv("LECTERN_E2E_FIGURES"),
	}
	if w.image == "" || w.clientImage == "" || w.fakeSDPImage == "" || w.helm == "" || w.helm3 == "" {
		return nil, errors.New("run make e2e: LECTERN_E2E_IMAGE, _CLIENT_IMAGE, _FAKE_SDP_IMAGE, _HELM and _HELM3 say what is tested")
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	var err error
	if w.config, err = config.GetConfig(); err != nil {
		return nil, err
	}
	w.config.QPS, w.config.Burst = 50, 100
	if w.objects, err = client.New(w.config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	w.api, err = kubernetes.NewForConfig(w.config)
	return w, err
}

// record writes a figure of a scenario down for docs/e2e.md.
func (w *world) record(t *testing.T, format string, args ...any) {
	t.Helper()
	line := fmt.Sprintf(format, args...)
	t.Log(line)
	if w.figures == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	file, err := os.OpenFile(w.figures, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(file, "%s\t%s\n", t.Name(), line)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until try returns nil.
func eventually(t *testing.T, what string, try func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := wait.Until(ctx, try); err != nil {
		t.Fatalf("%s: not within %s: %v", what, patience, err)
	}
}
