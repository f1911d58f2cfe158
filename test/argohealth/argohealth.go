// Package argohealth runs config/argocd/health.lua as Argo CD runs it: by the same interpreter, with the same few libraries
// (argo-cd 3.2, util/lua).
//
// It shares nothing with the code that writes status, so that a test of the one by the other can fail.
package argohealth

import (
	"context"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/lectern-dev/lectern/config/argocd"
	"github.com/lectern-dev/lectern/test/kstatus"
)

// Health is what a script says of an object.
type Health struct {
	// Status is Healthy, Suspended, Progressing or Degraded.
	Status string
	// Message is for people.
	Message string
}

// patience is how long a script may take.
const patience = time.Second

// Of returns the health of an object.
func Of(ctx context.Context, obj map[string]any) (Health, error) {
	result, err := run(ctx, argocd.Health, obj)
	if err != nil {
		return Health{}, err
	}
	table, is := result.(*lua.LTable)
	if !is {
		return Health{}, fmt.Errorf("health.lua returns a %s, not a table", result.Type())
	}
	return Health{Status: lua.LVAsString(table.RawGetString("status")), Message: lua.LVAsString(table.RawGetString("message"))}, nil
}

// Agrees reports whether a health says what kstatus says.
func Agrees(health Health, verdict kstatus.Verdict) bool {
	switch verdict {
	case kstatus.Current:
		return health.Status == "Healthy" || health.Status == "Suspended"
	case kstatus.InProgress, kstatus.Terminating:
		return health.Status == "Progressing"
	case kstatus.Failed:
		return health.Status == "Degraded"
	}
	return false
}

// run runs a script over the global obj and returns what it returns.
func run(ctx context.Context, script string, obj map[string]any) (lua.LValue, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, fmt.Errorf("open library %q: %w", name, err)
		}
	}
	state.PreloadModule(lua.OsLibName, loadClock)
	value, err := newValue(state, obj)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", value)
	if err := state.DoString(script); err != nil {
		return nil, fmt.Errorf("run the script: %w", err)
	}
	if state.GetTop() == 0 {
		return nil, errors.New("the script returns nothing")
	}
	return state.Get(-1), nil
}

// loadClock is all that Argo CD leaves of the library os.
func loadClock(state *lua.LState) int {
	lua.OpenOs(state)
	whole, clock := state.GetGlobal(lua.OsLibName), state.NewTable()
	for _, name := range []string{"time", "date"} {
		clock.RawSetString(name, state.GetField(whole, name))
	}
	state.SetGlobal(lua.OsLibName, lua.LNil)
	state.Push(clock)
	return 1
}

// newValue makes a Lua value of one of JSON.
func newValue(state *lua.LState, value any) (lua.LValue, error) {
	switch v := value.(type) {
	case nil:
		return lua.LNil, nil
	case bool:
		return lua.LBool(v), nil
	case string:
		return lua.LString(v), nil
	case int64:
		return lua.LNumber(v), nil
	case float64:
		return lua.LNumber(v), nil
	case []any:
		table := state.CreateTable(len(v), 0)
		for _, item := range v {
			element, err := newValue(state, item)
			if err != nil {
				return nil, err
			}
			table.Append(element)
		}
		return table, nil
	case map[string]any:
		table := state.CreateTable(0, len(v))
		for key, item := range v {
			element, err := newValue(state, item)
			if err != nil {
				return nil, err
			}
			table.RawSetString(key, element)
		}
		return table, nil
	default:
		return nil, fmt.Errorf("a %T is no value of JSON", value)
	}
}
