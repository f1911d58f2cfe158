package leak

import (
	"errors"
	"testing"
	"time"
)

// runner is tests that end with a code.
type runner int

func (r runner) Run() int { return int(r) }

// TestRun_WaitsForGoroutines: one that ends later than goleak looks by itself is not left behind.
func TestRun_WaitsForGoroutines(t *testing.T) {
	stopped := false
	go func() { <-time.After(time.Second) }()
	if code := Run(runner(0), func() error { stopped = true; return nil }); code != 0 || !stopped {
		t.Errorf("the code is %d; what the tests share was given back: %t", code, stopped)
	}
}

// TestRun_Fails with what fails first, and gives back what the tests share all the same.
func TestRun_Fails(t *testing.T) {
	stopped := false
	stop := func() error { stopped = true; return errors.New("it did not end") }
	if code := Run(runner(2), stop); code != 2 || !stopped {
		t.Errorf("the code is %d; what the tests share was given back: %t", code, stopped)
	}
	if code := Run(runner(0), stop); code != 1 {
		t.Errorf("what is not given back: the code is %d", code)
	}
}
