package scenarios

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/test/kstatus"
)

// runScripts plays testdata/*.txtar. Beside testscript's own, a script has these commands:
//
//	apply FILE…                       kubectl apply, in the script's namespace; ! expects a refusal
//	delete NAME…                      kubectl delete, without waiting
//	gone NAME…                        waits until the objects are let go
//	await NAME REASON [WORDS]         waits for the reason of Ready, with a message that matches
//	version NAME NUMBER               the newest version is this
//	kstatus NAME VERDICT              what Argo CD and Flux make of the object
//	mcp prompts/get NAME [k=v…] => TEXT          both servers answer exactly this, soon
//	mcp prompts/get NAME [k=v…] => error CODE [WORDS]
//	mcp prompts/list => NAME…         both servers list exactly these, soon
//	held NAME…                        both servers keep these, and the list, whatever becomes of the database
//	crash|down|up WHO…                kill -9, stop, start: controller, server-1, server-2, postgres
//	lectern ARG…                      a command of the stack's binary; ! expects it to fail
func runScripts(t *testing.T) {
	stack := releasedStack(t)
	testscript.RunT(serialScripts{t}, testscript.Params{
		Dir:   "testdata",
		Cmds:  scriptCommands(),
		Setup: func(env *testscript.Env) error { return setUpScript(env, stack) },
		// A server of Postgres that is lent cannot be stopped.
		Condition: func(name string) (bool, error) {
			if name != "lent" {
				return false, fmt.Errorf("unknown condition %q; there is lent", name)
			}
			return os.Getenv("LECTERN_TEST_DATABASE_URL") != "", nil
		},
	})
}

// serialScripts plays scripts one after the other: some stop what all of them need.
type serialScripts struct{ *testing.T }

func (serialScripts) Parallel()     {}
func (serialScripts) Verbose() bool { return testing.Verbose() }
func (s serialScripts) Run(name string, play func(testscript.T)) {
	s.T.Run(name, func(t *testing.T) { play(serialScripts{t}) })
}

type scenarioKey struct{}

func setUpScript(env *testscript.Env, stack *testenv.Stack) error {
	s := startScenario(env.T().(serialScripts).T, stack)
	env.Values[scenarioKey{}] = s
	env.Setenv("NAMESPACE", s.namespace)
	env.Setenv("SERVER_1", stack.Endpoints[0])
	env.Setenv("KUBECONFIG", stack.ControlPlane.Kubeconfig)
	env.Setenv("SYSTEM", testenv.SystemNamespace)
	return nil
}

// scriptCommand is what a script's line does. What it prints is for stdout; its error fails the line.
type scriptCommand func(ctx context.Context, s *scenario, args []string) (printed string, err error)

func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	commands := map[string]func(*testscript.TestScript, bool, []string){}
	for name, run := range map[string]scriptCommand{
		"apply": scriptApply, "delete": scriptDelete, "gone": scriptGone, "await": scriptAwait, "version": scriptVersion, "kstatus": scriptVerdict, "mcp": scriptMCP, "held": scriptHeld,
		"crash": scriptCrash, "down": scriptDown, "up": scriptUp, "lectern": scriptLectern,
	} {
		commands[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if name == "apply" {
				for i := range args {
					args[i] = ts.MkAbs(args[i])
				}
			}
			printed, err := run(context.Background(), ts.Value(scenarioKey{}).(*scenario), args)
			fmt.Fprint(ts.Stdout(), printed)
			switch {
			case neg && name != "apply" && name != "lectern":
				ts.Fatalf("! %s: only apply and lectern can be expected to fail", name)
			case neg && err == nil:
				ts.Fatalf("%s did not fail:\n%s", name, printed)
			case !neg && err != nil:
				ts.Fatalf("%v\n%s", err, printed)
			}
		}
	}
	return commands
}

func scriptApply(ctx context.Context, s *scenario, files []string) (string, error) {
	return s.ControlPlane.Kubectl(ctx, "apply", "--namespace", s.namespace, "--filename", strings.Join(files, ","))
}

func scriptDelete(ctx context.Context, s *scenario, names []string) (string, error) {
	return s.ControlPlane.Kubectl(ctx, append([]string{"delete", "prompt", "--namespace", s.namespace, "--wait=false"}, names...)...)
}

func scriptGone(ctx context.Context, s *scenario, names []string) (string, error) {
	return "", s.waitUntilGone(ctx, names...)
}

func scriptAwait(ctx context.Context, s *scenario, args []string) (string, error) {
	if len(args) < 2 {
		return "", usageError("await NAME REASON [WORDS]")
	}
	p, err := s.waitForReason(ctx, args[0], args[1])
	if err != nil {
		return "", err
	}
	_, message := readyCondition(p)
	if len(args) == 3 && !regexp.MustCompile(args[2]).MatchString(message) {
		return message, fmt.Errorf("the message of %s is %q; want %s", args[0], message, args[2])
	}
	return message + "\n", nil
}

func scriptVersion(ctx context.Context, s *scenario, args []string) (string, error) {
	if len(args) != 2 {
		return "", usageError("version NAME NUMBER")
	}
	want, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return "", err
	}
	var p v1alpha1.Prompt
	if err := s.api.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: args[0]}, &p); err != nil {
		return "", err
	}
	if p.Status.Version != want {
		return "", fmt.Errorf("the newest version of %s is %d; want %d", args[0], p.Status.Version, want)
	}
	return "", nil
}

func scriptVerdict(ctx context.Context, s *scenario, args []string) (string, error) {
	if len(args) != 2 {
		return "", usageError("kstatus NAME VERDICT")
	}
	return "", wait.Until(ctx, func(ctx context.Context) error {
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Prompt"))
		if err := s.api.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: args[0]}, object); err != nil {
			return err
		}
		got, err := kstatus.VerdictOf(object.Object)
		if err == nil && string(got) != args[1] {
			err = fmt.Errorf("%s is %s; want %s", args[0], got, args[1])
		}
		return err
	})
}

func scriptMCP(ctx context.Context, s *scenario, args []string) (string, error) {
	question, want, asked := cutWords(args, "=>")
	if !asked || len(question) == 0 {
		return "", usageError("mcp METHOD [ARG…] => WANT…")
	}
	if question[0] == "prompts/list" {
		return "", s.waitUntilListed(ctx, want...)
	}
	if question[0] != "prompts/get" || len(question) < 2 || len(want) == 0 {
		return "", usageError("mcp prompts/get NAME [k=v…] => TEXT, or => error CODE [WORDS]")
	}
	arguments := map[string]string{}
	for _, pair := range question[2:] {
		name, value, _ := strings.Cut(pair, "=")
		arguments[name] = value
	}
	if want[0] != "error" {
		return "", s.waitUntilServed(ctx, question[1], arguments, strings.ReplaceAll(strings.Join(want, " "), `\n`, "\n"))
	}
	code, err := strconv.Atoi(want[1])
	if err != nil {
		return "", fmt.Errorf("error code %q: %w", want[1], err)
	}
	return "", s.waitUntilRefused(ctx, question[1], arguments, code, strings.Join(want[2:], " "))
}

func scriptHeld(ctx context.Context, s *scenario, names []string) (string, error) {
	return "", s.waitUntilHeld(ctx, names...)
}

func scriptCrash(_ context.Context, s *scenario, args []string) (string, error) {
	for _, name := range args {
		s.Kill(name)
	}
	return "", nil
}

func scriptDown(ctx context.Context, s *scenario, args []string) (string, error) {
	for _, name := range args {
		if name == "postgres" {
			if err := s.Postgres.StopServer(ctx); err != nil {
				return "", err
			}
			continue
		}
		s.Terminate(name)
	}
	return "", nil
}

func scriptUp(ctx context.Context, s *scenario, args []string) (string, error) {
	for _, name := range args {
		var err error
		if name == "postgres" {
			err = s.Postgres.StartServer(ctx)
		} else {
			err = s.Restart(ctx, name)
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

func scriptLectern(ctx context.Context, s *scenario, args []string) (string, error) {
	out, err := s.Command(ctx, args...).CombinedOutput()
	return string(out), err
}

func usageError(line string) error { return fmt.Errorf("usage: %s", line) }

// cutWords splits words around a separator.
func cutWords(words []string, separator string) (before, after []string, found bool) {
	for i, word := range words {
		if word == separator {
			return words[:i], words[i+1:], true
		}
	}
	return words, nil, false
}
