//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/layouttest"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
)

const goalProtocol = "goal"

// A client or server that is killed or stopped after any step of a goal leaves the other end with a true result: the goals of a dead server
// are lost, those of a dead client are cancelled, and those of a stopped process go on with it. Other clients and services notice nothing.
func TestGoalMatrix(t *testing.T) {
	steps, err := layouttest.Steps("../..")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var slowest time.Duration
	t.Run("steps", func(t *testing.T) {
		for _, step := range steps {
			if protocol(step) != goalProtocol {
				continue
			}
			for _, pass := range []int{1, 3} {
				for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
					k := trigger{step, pass, signal}
					t.Run(fmt.Sprintf("%s/%d/%v", step, pass, signal), func(t *testing.T) {
						t.Parallel()
						m := &goalMatrix{callMatrix{T: t, dir: harness.NewDomain(t), k: k}}
						if step == "goal.update" || step == "goal.taken" {
							m.client()
						} else {
							m.server()
						}
						mu.Lock()
						defer mu.Unlock()
						slowest = max(slowest, m.slowest)
					})
				}
			}
		}
	})
	t.Logf("after the death of a server the last of its goals was lost within %v", slowest)
}

// A goalMatrix is a domain in which one end of goals is killed or stopped.
type goalMatrix struct{ callMatrix }

func (m *goalMatrix) start(server bool, k trigger, log string) *victimProcess {
	m.Helper()
	trace := filepath.Join(m.TempDir(), "trace")
	if err := errors.Join(createTrace(trace), os.WriteFile(log, nil, 0o600)); err != nil {
		m.Fatal(err)
	}
	return &victimProcess{harness.Start(m, m.dir, goalVictim{Server: server, Trigger: k, Log: log, Trace: trace}), "end of goals", trace}
}

// server has the server killed or stopped while three clients have goals there.
func (m *goalMatrix) server() {
	p := m.join()
	defer p.Close()
	ctx, cancel := context.WithTimeout(m.Context(), harness.WaitLimit)
	defer cancel()
	bystander := m.bystander(ctx, p)
	log := filepath.Join(m.TempDir(), "log")
	v := m.start(true, m.k, log)

	// What a client may learn of a server that dies, and of one that closes after it was stopped.
	allowed := []error{goal.ErrLost, service.ErrNotStarted, service.ErrOutcomeUnknown, service.ErrNoServer, goal.ErrUnknown}
	if m.k.Signal == syscall.SIGSTOP {
		allowed = []error{goal.ErrServerClosed, service.ErrNotStarted, service.ErrNoServer, context.Canceled}
	}
	var mu sync.Mutex
	var notStarted []int
	var last time.Time // when the last goal of the server was lost
	pursuing, stop := context.WithCancel(ctx)
	var clients sync.WaitGroup
	for i := range 3 {
		c, err := newGoalClient(ctx, p)
		if err != nil {
			m.Fatal(err)
		}
		clients.Go(func() {
			defer c.Close()
			for n := (i + 1) * 1000000; pursuing.Err() == nil; n += 10 {
				err := c.each(pursuing, n, func(n int, err error) {
					mu.Lock()
					defer mu.Unlock()
					if errors.Is(err, service.ErrNotStarted) && !errors.Is(err, goal.ErrLost) && !errors.Is(err, goal.ErrCancelled) {
						notStarted = append(notStarted, n)
					}
					if errors.Is(err, goal.ErrLost) {
						last = time.Now()
					}
				})
				rejected := m.k.Signal == syscall.SIGSTOP && errors.As(err, new(*goal.RejectedError))
				if err != nil && !rejected && pursuing.Err() == nil && !slices.ContainsFunc(allowed, func(e error) bool { return errors.Is(err, e) }) {
					m.Error(err)
					return
				}
			}
		})
	}
	hit := false
	m.end(v, func() {
		hit = true
		bystander()
		if m.k.Signal == syscall.SIGSTOP {
			return
		}
		next := m.start(true, trigger{}, filepath.Join(m.TempDir(), "again")) // the name is free
		m.pursueOne(ctx)
		mu.Lock()
		if last.After(m.hit) {
			m.slowest = last.Sub(m.hit)
		}
		mu.Unlock()
		stop()
		clients.Wait()
		next.Stop()
		next.passes()
		next.Wait()
	})
	stop()
	clients.Wait()
	if !hit {
		return
	}
	began := numbersIn(m.T, log)
	for _, n := range notStarted {
		if slices.Contains(began, n) {
			m.Errorf("goal %d is said not to have started, and a handler began with it", n)
		}
	}
	for i, n := range began {
		if slices.Contains(began[:i], n) {
			m.Errorf("goal %d came to a handler twice", n)
		}
	}
	m.checkFiles(p)
}

// pursueOne has a client of its own pursue goals of each kind.
func (m *goalMatrix) pursueOne(ctx context.Context) {
	m.Helper()
	p := m.join()
	defer p.Close()
	c, err := newGoalClient(ctx, p)
	if err != nil {
		m.Fatal(err)
	}
	defer c.Close()
	if err := c.each(ctx, 9000000, nil); err != nil {
		m.Errorf("a goal of the next server: %v", err)
	}
}

// client has a client killed or stopped whose goals this process serves.
func (m *goalMatrix) client() {
	p := m.join()
	defer p.Close()
	ctx, cancel := context.WithTimeout(m.Context(), harness.WaitLimit)
	defer cancel()
	log := filepath.Join(m.TempDir(), "log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		m.Fatal(err)
	}
	server, err := serveGoals(p, log)
	if err != nil {
		m.Fatal(err)
	}
	other := m.join()
	defer other.Close()
	c, err := newGoalClient(ctx, other)
	if err != nil {
		m.Fatal(err)
	}
	defer c.Close()
	v := m.start(false, m.k, filepath.Join(m.TempDir(), "unused"))
	m.end(v, func() {
		for i := range 5 { // another client notices nothing
			if err := c.each(ctx, 1000000+10*i, nil); err != nil {
				m.Error(err)
			}
		}
		if m.k.Signal == syscall.SIGKILL {
			await(m.T, "a goal of a dead client goes on", func() bool { return server.of(v.PID()) == 0 })
		}
	})
	await(m.T, "a goal goes on without a client", func() bool { return server.of(v.PID()) == 0 })
	if err := errors.Join(c.Close(), other.Close(), server.close()); err != nil {
		m.Error(err)
	}
	m.checkFiles(p)
}
