//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/layouttest"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

// serviceProtocols are those that TestCallMatrix is about.
func serviceProtocols() []string { return []string{"register", "connect", "call", "serve"} }

// atServer reports which end does a step.
func atServer(step string) bool {
	return step == "connect.accept" || protocol(step) == "register" || protocol(step) == "serve"
}

// A client or server that is killed or stopped after any step of a service's protocols leaves the other end with results that are true,
// and costs nothing: the next server gets the name, the next client is served, and others notice nothing.
func TestCallMatrix(t *testing.T) {
	steps, err := layouttest.Steps("../..")
	if err != nil {
		t.Fatal(err)
	}
	var slowest sync.Map
	t.Run("steps", func(t *testing.T) {
		for _, step := range steps {
			if !slices.Contains(serviceProtocols(), protocol(step)) {
				continue
			}
			passes := []int{1, 3}
			if protocol(step) == "register" || protocol(step) == "connect" || step == "serve.closed" || step == "serve.forget" {
				passes = []int{1, 2} // once for each service
			}
			for _, pass := range passes {
				for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
					k := trigger{step, pass, signal}
					t.Run(fmt.Sprintf("%s/%d/%v", step, pass, signal), func(t *testing.T) {
						t.Parallel()
						m := &callMatrix{T: t, dir: harness.NewDomain(t), k: k}
						if atServer(step) {
							m.server()
						} else {
							m.client()
						}
						slowest.Store(k, m.slowest)
					})
				}
			}
		}
	})
	var most time.Duration
	slowest.Range(func(_, v any) bool {
		most = max(most, v.(time.Duration))
		return true
	})
	t.Logf("after a death the last open call returned within %v", most)
}

// A callMatrix is a domain in which one end is killed or stopped.
type callMatrix struct {
	*testing.T
	dir     string
	k       trigger
	hit     time.Time     // of the trigger, right before the signal
	slowest time.Duration // from hit to the last result of a call of the dead server
}

func (m *callMatrix) join() *topic.Participant {
	m.Helper()
	p, err := topic.Join(&topic.Options{Dir: m.dir, Domain: "d"})
	if err != nil {
		m.Fatal(err)
	}
	return p
}

// start starts an end that is killed or stopped, or with the zero trigger one that is not.
func (m *callMatrix) start(server bool, k trigger, log string) *victimProcess {
	m.Helper()
	trace := filepath.Join(m.TempDir(), "trace")
	if err := errors.Join(createTrace(trace), os.WriteFile(log, nil, 0o600)); err != nil {
		m.Fatal(err)
	}
	return &victimProcess{harness.Start(m, m.dir, callVictim{Server: server, Trigger: k, Log: log, Trace: trace}), "end of a service", trace}
}

// end waits for the trigger and lets the signal work: a process that is stopped continues after others were served.
func (m *callMatrix) end(v *victimProcess, meanwhile func()) {
	m.Helper()
	if !v.waitHit(m.T, m.k) {
		return
	}
	m.hit = time.Now()
	if m.k.Signal == syscall.SIGKILL {
		v.waitDead(m.T)
		meanwhile()
		return
	}
	v.WaitSuspended()
	meanwhile()
	v.Resume()
	v.Stop()
	v.passes()
	v.Wait()
}

// server has the server killed or stopped while three goroutines call it.
func (m *callMatrix) server() {
	p := m.join()
	defer p.Close()
	ctx, cancel := context.WithTimeout(m.Context(), harness.WaitLimit)
	defer cancel()
	bystander := m.bystander(ctx, p)
	unary, stream := m.clients(ctx, p)
	log := filepath.Join(m.TempDir(), "log")
	v := m.start(true, m.k, log)

	var mu sync.Mutex
	results := map[int]error{}
	failed := make([][]time.Time, 3) // when calls of this server by each goroutine ended without a response
	calling, stop := context.WithCancel(ctx)
	var callers sync.WaitGroup
	for g := range 3 {
		callers.Go(func() {
			for n := (g + 1) * 1000000; calling.Err() == nil; n += 10 {
				err := callOfEachKind(calling, unary, stream, n, func(n int, err error) {
					mu.Lock()
					defer mu.Unlock()
					results[n] = err
					if of := new(service.CallError); errors.As(err, &of) && of.Server.PID == v.PID() {
						failed[g] = append(failed[g], time.Now())
					}
				})
				if err == nil {
					continue
				}
				allowed := []error{service.ErrNotStarted, service.ErrOutcomeUnknown, service.ErrNoServer, service.ErrBusy, context.Canceled, context.DeadlineExceeded}
				if !slices.ContainsFunc(allowed, func(e error) bool { return errors.Is(err, e) }) {
					m.Errorf("a call returned %v", err)
					return
				}
				if errors.Is(err, service.ErrBusy) {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	switch m.k.Step {
	case "serve.closed":
		m.call(ctx, unary, stream, 6000000) // a client is connected
		v.Stop()
	case "serve.forget":
		gone := m.join()
		unary, stream := m.clients(ctx, gone)
		m.call(ctx, unary, stream, 6000000)
		if err := gone.Close(); err != nil {
			m.Error(err)
		}
	}
	m.end(v, func() {
		bystander()
		if m.k.Signal == syscall.SIGSTOP {
			return
		}
		again := filepath.Join(m.TempDir(), "again") // the name is free
		next := m.start(true, trigger{}, again)
		m.call(ctx, unary, stream, 5000000)
		mu.Lock()
		for _, times := range failed {
			if i := slices.IndexFunc(times, m.hit.Before); i >= 0 {
				m.slowest = max(m.slowest, times[i].Sub(m.hit))
			}
		}
		mu.Unlock()
		stop()
		callers.Wait()
		next.Stop()
		next.passes()
		next.Wait()
		m.checkResults(results, log, again)
	})
	stop()
	callers.Wait()
	m.checkResults(results, log)
	if err := errors.Join(unary.Close(), stream.Close()); err != nil {
		m.Error(err)
	}
	m.checkFiles(p)
}

// call makes calls until all kinds succeed: a server that was just started may not be known yet.
func (m *callMatrix) call(ctx context.Context, unary, stream *service.Client[int, int], n int) {
	m.Helper()
	for {
		err := callOfEachKind(ctx, unary, stream, n, nil)
		if err == nil {
			return
		}
		if !errors.Is(err, service.ErrNotStarted) && !errors.Is(err, service.ErrOutcomeUnknown) && !errors.Is(err, service.ErrBusy) {
			m.Fatalf("a call of the next server: %v", err)
		}
		n += 10
	}
}

// checkResults compares the results with what the handlers noted: a call that was not started is in no log, and one with a response is in
// exactly one.
func (m *callMatrix) checkResults(results map[int]error, logs ...string) {
	m.Helper()
	began := map[int]int{}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			m.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				began[n]++
			}
		}
	}
	for n, times := range began {
		if times > 1 {
			m.Errorf("request %d came to a handler %d times", n, times)
		}
	}
	answered := 0
	for n, err := range results {
		switch {
		case err == nil && began[n] == 0 && len(logs) == 2:
			m.Errorf("request %d has a response, and no handler began with it", n)
		case err == nil:
			answered++
		case (errors.Is(err, service.ErrNotStarted) || errors.Is(err, service.ErrNoServer) || errors.Is(err, service.ErrBusy)) && began[n] != 0:
			m.Errorf("request %d: %v; but a handler began with it", n, err)
		}
	}
}

// client has a client killed or stopped that calls this process.
func (m *callMatrix) client() {
	p := m.join()
	defer p.Close()
	ctx, cancel := context.WithTimeout(m.Context(), harness.WaitLimit)
	defer cancel()
	log := filepath.Join(m.TempDir(), "log")
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		m.Fatal(err)
	}
	go func() { served <- serveUntil(serving, p, log) }()
	other := m.join()
	defer other.Close()
	unary, stream := m.clients(ctx, other)
	m.call(ctx, unary, stream, 1000000)

	v := m.start(false, m.k, filepath.Join(m.TempDir(), "unused"))
	m.end(v, func() {
		for i := range 20 {
			m.call(ctx, unary, stream, 2000000+i*1000)
		}
	})
	m.call(ctx, unary, stream, 3000000)
	if err := errors.Join(unary.Close(), stream.Close()); err != nil {
		m.Error(err)
	}
	stop()
	if err := <-served; err != nil { // closing waits for all handlers: none is left waiting for a dead client
		m.Error(err)
	}
	if err := other.Close(); err != nil {
		m.Error(err)
	}
	m.checkFiles(p)
}

func (m *callMatrix) clients(ctx context.Context, p *topic.Participant) (unary, stream *service.Client[int, int]) {
	m.Helper()
	opts := &service.ClientOptions[int, int]{Wait: true}
	unary, err := service.NewClient[int, int](ctx, p, unaryService, opts)
	if err != nil {
		m.Fatal(err)
	}
	if stream, err = service.NewClient[int, int](ctx, p, streamService, opts); err != nil {
		m.Fatal(err)
	}
	return unary, stream
}

// bystander is a service of other processes. The function that it returns makes 100 calls, which must succeed.
func (m *callMatrix) bystander(ctx context.Context, p *topic.Participant) func() {
	m.Helper()
	server, err := service.NewServer(ctx, p, "bystander", func(_ context.Context, c *service.Call[int, int]) (int, error) { return c.Request(), nil }, nil)
	if err != nil {
		m.Fatal(err)
	}
	client, err := service.NewClient[int, int](ctx, p, "bystander", nil)
	if err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() {
		if err := errors.Join(client.Close(), server.Close()); err != nil {
			m.Error(err)
		}
	})
	return func() {
		for n := range 100 {
			if got, err := client.Call(ctx, n); err != nil || got != n {
				m.Fatalf("call %d of another service: %d, %v", n, got, err)
			}
		}
	}
}

// checkFiles fails if the domain has files of participants other than p once these are gone.
func (m *callMatrix) checkFiles(p *topic.Participant) {
	m.Helper()
	ours := p.ID().String()
	deadline := time.Now().Add(harness.WaitLimit)
	for {
		left := slices.DeleteFunc(harness.Files(m, m.dir), func(name string) bool { return strings.HasPrefix(filepath.Base(name), ours) })
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			m.Fatalf("left of dead participants: %q", left)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
