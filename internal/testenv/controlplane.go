package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// ControlPlaneOptions say how a control plane is wanted. The zero value is what tests need.
type ControlPlaneOptions struct {
	// Port of the API server; any free one when zero.
	Port int
	// CRDs is a folder of custom resource definitions to install; config/crd when empty.
	CRDs string
}

// ControlPlane is etcd and kube-apiserver: a Kubernetes without nodes and without controllers.
// It is started here and not by envtest, because envtest throws its users and etcd's data away on
// stop, and a test of an outage or of a restored backup needs both to stay.
type ControlPlane struct {
	// Config reaches the API server as a member of system:masters.
	Config *rest.Config
	// Kubeconfig is the path of a file that says the same.
	Kubeconfig string
	// ControllerKubeconfig is for the user ControllerUser, who may nothing until RBAC says so.
	ControllerKubeconfig string
	// Assets is the folder with kubectl.
	Assets string

	reaper     *reaper
	dir        string
	etcd, api  program
	etcdServer *runningProgram
	apiServer  *runningProgram
}

// StartControlPlane starts etcd and kube-apiserver and installs the CRDs. Impersonate on a copy of
// Config to be somebody else.
func StartControlPlane(ctx context.Context, o ControlPlaneOptions) (*ControlPlane, error) {
	assets, err := Assets(ctx)
	if err != nil {
		return nil, err
	}
	reaper, err := startReaper()
	if err != nil {
		return nil, err
	}
	c := &ControlPlane{Assets: assets, reaper: reaper}
	if err := c.launch(ctx, o); err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

func (c *ControlPlane) launch(ctx context.Context, o ControlPlaneOptions) error {
	var err error
	if c.dir, err = c.reaper.makeFolder("kubernetes"); err != nil {
		return err
	}
	ports := make([]int, 3)
	for i := range ports {
		if ports[i], err = FreePort(); err != nil {
			return err
		}
	}
	if o.Port != 0 {
		ports[2] = o.Port
	}
	if err := c.planServers(ports[0], ports[1], ports[2]); err != nil {
		return err
	}
	if err := c.StartServers(ctx); err != nil {
		return err
	}
	return c.InstallCRDs(ctx, o.CRDs)
}

// planServers writes the keys and says how both servers are started.
func (c *ControlPlane) planServers(etcdPort, peerPort, apiPort int) error {
	admin, controller := randomSecret(), randomSecret()
	cert, err := writeKeys(c.dir, admin, controller)
	if err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(c.dir, name) }
	etcdURL, peerURL := loopbackURL("http", etcdPort), loopbackURL("http", peerPort)
	c.etcd = program{name: "etcd", path: filepath.Join(c.Assets, "etcd"), log: at("etcd.log"), args: []string{
		"--name=default", "--data-dir=" + at("etcd"), "--unsafe-no-fsync", "--logger=zap", "--log-level=warn",
		"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + peerURL, "--initial-advertise-peer-urls=" + peerURL, "--initial-cluster=default=" + peerURL,
	}}
	c.api = program{name: "kube-apiserver", path: filepath.Join(c.Assets, "kube-apiserver"), log: at("kube-apiserver.log"), args: []string{
		"--etcd-servers=" + etcdURL, "--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(apiPort),
		"--external-hostname=localhost", "--service-cluster-ip-range=10.0.0.0/24",
		"--tls-cert-file=" + at(servingCert), "--tls-private-key-file=" + at(servingKey), "--cert-dir=" + c.dir,
		"--token-auth-file=" + at(tokenFile), "--authorization-mode=RBAC",
		// It is an OpenID Connect issuer, too, at an address that is reached from here.
		"--service-account-issuer=" + loopbackURL("https", apiPort), "--api-audiences=https://kubernetes.default.svc",
		"--service-account-key-file=" + at(accountKey),
		"--service-account-signing-key-file=" + at(accountKey),
		// Nobody reaches the API by the service "kubernetes", and a loopback address may not stand in it.
		"--endpoint-reconciler-type=none",
		// Nothing here creates the service account "default" that it would ask for.
		"--disable-admission-plugins=ServiceAccount",
	}}
	c.Kubeconfig, c.ControllerKubeconfig = at("kubeconfig"), at("controller.kubeconfig")
	server := loopbackURL("https", apiPort)
	if err := writeKubeconfig(c.ControllerKubeconfig, server, controller, cert); err != nil {
		return err
	}
	if err := writeKubeconfig(c.Kubeconfig, server, admin, cert); err != nil {
		return err
	}
	if c.Config, err = clientcmd.BuildConfigFromFlags("", c.Kubeconfig); err != nil {
		return fmt.Errorf("read the kubeconfig: %w", err)
	}
	// A test's client should not wait for its own rate limiter.
	c.Config.QPS = -1
	return nil
}

func loopbackURL(scheme string, port int) string {
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, port)
}

func writeKubeconfig(path, server, token string, cert []byte) error {
	const name = "lectern"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: cert}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}

// Stop ends both servers and removes their data.
func (c *ControlPlane) Stop() {
	_ = c.apiServer.stop(syscall.SIGKILL)
	_ = c.etcdServer.stop(syscall.SIGKILL)
	c.reaper.runCleanups()
}

// StopServers ends both servers in order and keeps their data.
func (c *ControlPlane) StopServers() {
	// The API server keeps nothing itself, and asked politely it waits long for those who watch.
	_ = c.apiServer.stop(syscall.SIGKILL)
	_ = c.etcdServer.stop(syscall.SIGTERM)
}

// StartServers starts both servers on their data and ports, and waits until the API is ready.
func (c *ControlPlane) StartServers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var err error
	if c.etcdServer, err = c.reaper.startProgram(c.etcd); err != nil {
		return err
	}
	if c.apiServer, err = c.reaper.startProgram(c.api); err != nil {
		return err
	}
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return fmt.Errorf("make a client for the API server: %w", err)
	}
	defer client.CloseIdleConnections()
	return c.apiServer.waitUntilReady(ctx, func(ctx context.Context) error {
		// Ready alone is not enough: the namespace is made by a loop that starts with the server.
		return errors.Join(probeURL(ctx, client, c.Config.Host+"/readyz"), probeURL(ctx, client, c.Config.Host+"/api/v1/namespaces/default"))
	})
}

// probeURL expects 200.
func probeURL(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s answered %s", url, response.Status)
	}
	return nil
}

// Backup copies etcd's data as it stands, for Restore. Both servers are down for a moment.
func (c *ControlPlane) Backup(ctx context.Context) (Backup, error) {
	c.StopServers()
	dir, err := os.MkdirTemp(c.dir, "backup-")
	if err != nil {
		return Backup{}, fmt.Errorf("make a folder for the backup: %w", err)
	}
	if err := os.CopyFS(filepath.Join(dir, "etcd"), os.DirFS(filepath.Join(c.dir, "etcd"))); err != nil {
		return Backup{}, fmt.Errorf("copy etcd's data: %w", err)
	}
	return Backup{dir}, c.StartServers(ctx)
}

// Backup is a copy of etcd's data. It goes with its control plane.
type Backup struct{ dir string }

// Restore puts etcd back to a backup, as after a disaster: resource versions and generations go
// backwards under every client.
func (c *ControlPlane) Restore(ctx context.Context, b Backup) error {
	c.StopServers()
	data := filepath.Join(c.dir, "etcd")
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("remove etcd's data: %w", err)
	}
	if err := os.CopyFS(data, os.DirFS(filepath.Join(b.dir, "etcd"))); err != nil {
		return fmt.Errorf("copy the backup: %w", err)
	}
	// etcd insists that its folder is closed to others.
	if err := os.Chmod(data, 0o700); err != nil {
		return fmt.Errorf("close etcd's folder: %w", err)
	}
	return c.StartServers(ctx)
}

// Kubectl runs kubectl against this control plane and returns what it printed.
func (c *ControlPlane) Kubectl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.Assets, "kubectl"), append([]string{"--kubeconfig", c.Kubeconfig}, args...)...)
	// Its discovery cache would otherwise stay in the home folder.
	cmd.Env = append(os.Environ(), "KUBECACHEDIR="+filepath.Join(c.dir, "kubectl-cache"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// InstallCRDs installs the CRDs of a folder, those of config/crd when empty, or puts them right.
func (c *ControlPlane) InstallCRDs(ctx context.Context, dir string) error {
	if dir == "" {
		root, err := Root()
		if err != nil {
			return err
		}
		dir = filepath.Join(root, "config", "crd")
	}
	if _, err := c.Kubectl(ctx, "apply", "--server-side", "--force-conflicts", "--filename", dir); err != nil {
		return fmt.Errorf("install the CRDs: %w", err)
	}
	return c.WaitForCRDs(ctx)
}

// WaitForCRDs waits until every custom resource definition is served. kubectl gives up at once on one that has no conditions yet.
func (c *ControlPlane) WaitForCRDs(ctx context.Context) error {
	established := func(ctx context.Context) error {
		_, err := c.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")
		return err
	}
	if err := wait.Until(ctx, established); err != nil {
		return fmt.Errorf("wait for the CRDs: %w", err)
	}
	return nil
}
