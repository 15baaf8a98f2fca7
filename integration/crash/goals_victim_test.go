//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/subproc"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// The goals of TestGoalMatrix are unique numbers. The result of n is n + 1. Those that end in 0 or 3 run until they are cancelled.
const goalService = "robot/goal"

// keepShort is how long a result that is not taken is kept, so that it expires.
const keepShort = 20 * time.Millisecond

// A goalVictim is one end of goals, which runs until its trigger fires or, without one, until the parent ends it.
type goalVictim struct {
	Server  bool
	Trigger trigger
	Log     string // file to which a server's handlers append the numbers of the goals that they begin with
	Trace   string
}

func runGoalVictim(ctx context.Context, parent *subproc.Parent, r goalVictim) error {
	return countStepsOf(func(p *topic.Participant) error {
		if !r.Server {
			return pursueUntil(ctx, p)
		}
		s, err := serveGoals(p, r.Log)
		if err != nil {
			return err
		}
		<-ctx.Done()
		return s.close()
	}, parent, r.Trigger, r.Trace)
}

// A goalServer serves goals, and knows those that run, by the pid of the client that started them.
type goalServer struct {
	*goal.Server[int, int, int]
	log *os.File

	mu      sync.Mutex
	running map[int]int
}

func serveGoals(p *topic.Participant, log string) (_ *goalServer, err error) {
	s := &goalServer{running: map[int]int{}}
	if s.log, err = os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0); err != nil {
		return nil, err
	}
	s.Server, err = goal.NewServer(context.Background(), p, goalService, s.pursue, &goal.ServerOptions[int, int, int]{
		Concurrency: 16, MaxGoals: 256, KeepResult: keepShort,
	})
	return s, err
}

func (s *goalServer) close() error { return errors.Join(s.Close(), s.log.Close()) }

func (s *goalServer) pursue(ctx context.Context, g *goal.Goal[int, int]) (int, error) {
	s.change(g, 1)
	defer s.change(g, -1)
	n := g.Value()
	fmt.Fprintln(s.log, n)
	for i := range 3 {
		if err := g.Feedback(n + i); err != nil {
			return 0, err
		}
	}
	if n%10 == 0 || n%10 == 3 {
		<-ctx.Done()
		return n, ctx.Err()
	}
	return n + 1, nil
}

func (s *goalServer) change(g *goal.Goal[int, int], by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[g.Caller().PID] += by
}

// of is how many goals of a process run.
func (s *goalServer) of(pid int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running[pid]
}

// A goalClient is a client of goals of a participant.
type goalClient struct {
	*goal.Client[int, int, int]
	p *topic.Participant
}

func newGoalClient(ctx context.Context, p *topic.Participant) (*goalClient, error) {
	c, err := goal.NewClient[int, int, int](ctx, p, goalService, &goal.ClientOptions[int, int, int]{Wait: true})
	return &goalClient{c, p}, err
}

// pursueUntil has goals of every kind pursued until ctx ends.
func pursueUntil(ctx context.Context, p *topic.Participant) error {
	limited, cancel := context.WithTimeout(context.Background(), harness.WaitLimit)
	defer cancel()
	c, err := newGoalClient(limited, p)
	if err != nil {
		return err
	}
	for n := 10; ctx.Err() == nil; n += 10 {
		if err := c.each(limited, n, nil); err != nil {
			return err
		}
	}
	return c.Close()
}

// each starts a goal and takes its result, cancels one, has the result of one expire, and leaves one. They have the number n, divisible by
// ten, and the next ones. report, if set, is told how each ended.
func (c *goalClient) each(ctx context.Context, n int, report func(n int, err error)) error {
	if report == nil {
		report = func(int, error) {}
	}
	for i, pursue := range []func(context.Context, int) error{c.cancelled, c.succeeds, c.expires, c.left} {
		err := pursue(ctx, n+i)
		if report(n+i, err); err != nil {
			return fmt.Errorf("goal %d: %w", n+i, err)
		}
	}
	return nil
}

func (c *goalClient) succeeds(ctx context.Context, n int) error {
	h, err := c.Start(ctx, n)
	if err != nil {
		return err
	}
	newest := n - 1
	for v, err := range h.Feedback(ctx) {
		if err != nil {
			return err
		}
		if v <= newest || v > n+2 {
			return fmt.Errorf("feedback %d comes after %d", v, newest)
		}
		newest = v
	}
	return result(ctx, h, n+1)
}

func result(ctx context.Context, h *goal.Handle[int, int], want int) error {
	got, err := h.Result(ctx)
	if err == nil && got != want {
		err = fmt.Errorf("the result is %d, not %d", got, want)
	}
	return err
}

func (c *goalClient) cancelled(ctx context.Context, n int) error {
	h, err := c.Start(ctx, n)
	if err != nil {
		return err
	}
	if err := h.Cancel(ctx); err != nil {
		_, lost := h.Result(ctx) // which says more, if the server died
		return errors.Join(err, lost)
	}
	if _, err = h.Result(ctx); errors.Is(err, goal.ErrCancelRequested) {
		return nil
	}
	if err == nil {
		err = errors.New("a cancel was granted, and the goal succeeded")
	}
	return err
}

// expires waits for the end of a goal, and until the server has forgotten its result.
func (c *goalClient) expires(ctx context.Context, n int) error {
	h, err := c.Start(ctx, n)
	if err != nil {
		return err
	}
	<-h.Done()
	if state := h.State(); state != goal.Succeeded {
		_, err := h.Result(ctx)
		return err
	}
	time.Sleep(2 * keepShort)
	return nil
}

// left starts a goal with a client of its own, and closes that.
func (c *goalClient) left(ctx context.Context, n int) error {
	own, err := newGoalClient(ctx, c.p)
	if err != nil {
		return err
	}
	_, err = own.Start(ctx, n)
	return errors.Join(err, own.Close())
}
