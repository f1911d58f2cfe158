package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// measureCallers measures what it costs to know who calls: the processor time of a server that asks Kubernetes, everything
// in its caches, against that of one that asks nobody.
func (b *bench) measureCallers(ctx context.Context) error {
	if err := b.publishShown(ctx); err != nil {
		return err
	}
	kubeconfig, token, err := b.makeCaller(ctx)
	if err != nil {
		return err
	}
	plain := httpRequest(modernEra, promptsGet, shownName, shownParams)
	proven := bytes.Replace(plain, []byte("User-Agent:"), []byte("Authorization: Bearer "+token+"\r\nUser-Agent:"), 1)
	none, err := b.startCallerServer(ctx, "none", plain)
	if err != nil {
		return err
	}
	defer b.stack.Terminate("server of none")
	// Limits are on, and so high that they refuse nothing.
	kubernetes, err := b.startCallerServer(ctx, "kubernetes", proven,
		"--audience="+testenv.Audience, "--kubeconfig="+kubeconfig, "--prompts-per-second=1000000")
	if err != nil {
		return err
	}
	defer b.stack.Terminate("server of kubernetes")
	costs := map[string]series{}
	for n := range b.rounds {
		b.say("Callers, round %d of %d.", n+1, b.rounds)
		for auth, c := range map[string]contestant{"none": none, "kubernetes": kubernetes} {
			if _, err := c.load.askFor(ctx, warmUp); err != nil {
				return fmt.Errorf("--auth=%s: %w", auth, err)
			}
			s, err := c.load.measureLoad(ctx, c.pid, measured)
			if err != nil {
				return fmt.Errorf("--auth=%s: %w", auth, err)
			}
			costs[auth] = append(costs[auth], s.processor)
		}
	}
	printTable(b.out, "Who calls: processor time of the server per prompts/get", []row{{
		measured: "--auth=kubernetes, catalog and reviews warm", against: "--auth=none", wanted: "≤ 1.25",
		ratios: costs["kubernetes"].over(costs["none"]),
		beside: formatMicros(costs["kubernetes"]) + " : " + formatMicros(costs["none"]),
	}})
	return nil
}

// makeCaller makes the account of a server, and returns its kubeconfig; and a caller who may read the prompt that is asked for,
// and returns their token.
func (b *bench) makeCaller(ctx context.Context) (kubeconfig, token string, err error) {
	callers, err := b.stack.ControlPlane.Callers()
	if err != nil {
		return "", "", err
	}
	server, caller := testenv.ServerAccount, testenv.Account{Namespace: shownNamespace, Name: "agent"}
	err = errors.Join(callers.CreateAccount(ctx, server), callers.CreateAccount(ctx, caller),
		callers.BindClusterRole(ctx, server.Name, "lectern-server", rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: server.Namespace, Name: server.Name}),
		callers.Grant(ctx, testenv.Grant{Name: "agent", Namespace: shownNamespace, Account: caller, Verbs: []string{"get"}}))
	if err != nil {
		return "", "", err
	}
	if kubeconfig, err = callers.WriteKubeconfig(ctx, server); err != nil {
		return "", "", err
	}
	token, err = callers.RequestToken(ctx, caller, testenv.TokenOptions{Audiences: []string{testenv.Audience}})
	return kubeconfig, token, err
}

// startCallerServer starts a server beside the stack's own, on its database.
func (b *bench) startCallerServer(ctx context.Context, auth string, request []byte, args ...string) (contestant, error) {
	var ports [2]int
	for i := range ports {
		var err error
		if ports[i], err = testenv.FreePort(); err != nil {
			return contestant{}, err
		}
	}
	file := filepath.Join(b.stack.Dir, "callers.url")
	if err := os.WriteFile(file, []byte(b.stack.ServerURL), 0o600); err != nil {
		return contestant{}, err
	}
	name, address := "server of "+auth, fmt.Sprintf("127.0.0.1:%d", ports[0])
	err := b.stack.StartProcess(ctx, testenv.Process{
		Name: name, Path: b.stack.Binary, Ready: fmt.Sprintf("http://127.0.0.1:%d/readyz", ports[1]),
		Args: append([]string{"server", "--auth=" + auth, "--address=" + address, fmt.Sprintf("--metrics-address=127.0.0.1:%d", ports[1]), "--database-url-file=" + file}, args...),
	})
	if err != nil {
		return contestant{}, err
	}
	return contestant{pid: b.stack.Pid(name), load: load{address: address, clients: agents, requests: [][]byte{request}}}, nil
}
