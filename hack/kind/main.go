// Kind makes and removes the clusters that `make up` and `make e2e` install Lectern into: those that `kind create cluster` makes,
// by the same code, so that no kind has to be installed. Docker has to run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"
	"sigs.k8s.io/kind/pkg/cmd"
)

const usage = `usage: kind [FLAGS] up | load IMAGE... | logs FOLDER | down
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kind:", err)
		os.Exit(1)
	}
}

// kind is one cluster, which need not exist.
type kind struct {
	name, nodeImage, config, kubeconfig string
	wait                                time.Duration
	provider                            *cluster.Provider
}

func run(ctx context.Context, args []string) error {
	k := kind{provider: cluster.NewProvider(cluster.ProviderWithDocker(), cluster.ProviderWithLogger(cmd.NewLogger()))}
	flags := flag.NewFlagSet("kind", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), usage); flags.PrintDefaults() }
	flags.StringVar(&k.name, "name", "lectern", "`name` of the cluster")
	flags.StringVar(&k.nodeImage, "image", os.Getenv("KIND_NODE_IMAGE"), "node `image`; that of this version of kind if empty")
	flags.StringVar(&k.config, "config", os.Getenv("KIND_CONFIG"), "`path` of kind's own configuration of the cluster")
	flags.StringVar(&k.kubeconfig, "kubeconfig", "", "`path` of the kubeconfig to write; the one that kubectl uses if empty")
	flags.DurationVar(&k.wait, "wait", 3*time.Minute, "how long to wait until the node is ready")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch rest := flags.Args(); {
	case len(rest) == 1 && rest[0] == "up":
		return k.create()
	case len(rest) > 1 && rest[0] == "load":
		return k.load(ctx, rest[1:])
	case len(rest) == 2 && rest[0] == "logs":
		return k.provider.CollectLogs(k.name, rest[1])
	case len(rest) == 1 && rest[0] == "down":
		return k.provider.Delete(k.name, k.kubeconfig)
	}
	flags.Usage()
	return errors.New("what is to be done?")
}

// create makes the cluster, or writes the kubeconfig of the one that is there.
func (k kind) create() error {
	nodes, err := k.provider.ListNodes(k.name)
	if err != nil {
		return err
	}
	if len(nodes) > 0 {
		return k.provider.ExportKubeConfig(k.name, k.kubeconfig, false)
	}
	options := []cluster.CreateOption{
		cluster.CreateWithNodeImage(k.nodeImage),
		cluster.CreateWithKubeconfigPath(k.kubeconfig),
		cluster.CreateWithWaitForReady(k.wait),
	}
	if k.config != "" {
		options = append(options, cluster.CreateWithConfigFile(k.config))
	}
	return k.provider.Create(k.name, options...)
}

// load copies images from Docker into every node.
func (k kind) load(ctx context.Context, images []string) (err error) {
	nodes, err := k.provider.ListInternalNodes(k.name)
	if err != nil {
		return err
	}
	if len(nodes) == 0 {
		return fmt.Errorf("there is no cluster %s", k.name)
	}
	for _, node := range nodes {
		if err := pipeImages(ctx, images, func(archive io.Reader) error { return nodeutils.LoadImageArchive(node, archive) }); err != nil {
			return fmt.Errorf("%s: %w", node, err)
		}
	}
	return nil
}

// pipeImages hands what `docker save` writes to use.
func pipeImages(ctx context.Context, images []string, use func(io.Reader) error) error {
	save := exec.CommandContext(ctx, "docker", append([]string{"save"}, images...)...)
	save.Stderr = os.Stderr
	archive, err := save.StdoutPipe()
	if err != nil {
		return err
	}
	if err := save.Start(); err != nil {
		return err
	}
	used := use(archive)
	_ = archive.Close() // save ends when nobody reads
	if err := save.Wait(); err != nil && used == nil {
		return fmt.Errorf("docker save: %w", err)
	}
	return used
}
