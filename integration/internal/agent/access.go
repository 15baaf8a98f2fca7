//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// An Attempt is what came of a call of a user that may be refused.
type Attempt struct {
	Error             string // empty: the call succeeded
	Kernel            bool   // the error says that the kernel refused it
	Access, Forbidden bool   // the error is a *registry.AccessError, a *registry.ForbiddenError
	Found             []string
}

// As makes a call as a user, by a process of its own.
func As(w *harness.UserDomain, user harness.User, call harness.Call[*State, []string]) Attempt {
	w.T.Helper()
	return GoAs(w, user, 0o22, call)()
}

// GoAs is As with a umask. It begins the call and returns a function that waits for its end.
func GoAs(w *harness.UserDomain, user harness.User, umask int, call harness.Call[*State, []string]) func() Attempt {
	w.T.Helper()
	c := w.Start(user, Request{Umask: &umask})
	pending := harness.Go(c, call)
	return func() Attempt {
		w.T.Helper()
		found, f := pending.Try()
		c.Finish()
		if f == nil {
			return Attempt{Found: found}
		}
		return Attempt{f.Text, f.Kernel, f.Access, f.Forbidden, found}
	}
}

// DomainDir is the directory of the process's domain.
func DomainDir() string {
	return filepath.Join(os.Getenv("SHMBUS_DIR"), os.Getenv("SHMBUS_DOMAIN"))
}

// PublishTen joins and publishes ten samples to a subscriber. It returns the files of the domain with their modes.
type PublishTen struct{ Topic string }

func (c PublishTen) Run(ctx context.Context, _ *State) (found []string, _ error) {
	p, err := topic.Join(nil)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	pub, err := topic.NewPublisher[[]byte](ctx, p, c.Topic, nil)
	if err != nil {
		return nil, err
	}
	if err := pub.WaitSubscribers(ctx, 1); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(DomainDir(), "*"))
	for _, f := range files {
		info, serr := os.Stat(f)
		if err = errors.Join(err, serr); serr == nil {
			sort := strings.Split(filepath.Base(f)+".", ".")[1]
			found = append(found, fmt.Sprintf("%s %04o", sort, info.Mode().Perm()))
		}
	}
	if err != nil {
		return found, err
	}
	b := make([]byte, 1000)
	for seq := range uint64(10) {
		harness.Fill(b, seq+1)
		if _, err := pub.Publish(ctx, b); err != nil {
			return found, err
		}
	}
	return found, nil
}

// SubscribeTen joins and checks ten samples.
type SubscribeTen struct {
	Topic    string
	ReadOnly bool // take no part in the domain
}

func (c SubscribeTen) Run(ctx context.Context, _ *State) ([]string, error) {
	sub, leave, err := JoinAndSubscribe(c.Topic, c.ReadOnly)
	if err != nil {
		return nil, err
	}
	defer leave()
	last := uint64(0)
	for range 10 {
		s, err := sub.Receive(ctx)
		if err != nil {
			return nil, err
		}
		if err := harness.Check(s.Bytes(), s.Sequence()); err != nil {
			return nil, err
		}
		if last != 0 && s.Sequence() != last+1+s.Lost() {
			return nil, fmt.Errorf("sample %d after %d with %d lost", s.Sequence(), last, s.Lost())
		}
		last = s.Sequence()
		s.Release()
	}
	return nil, nil
}

// JoinAndSubscribe joins with one subscriber. leave closes the participant.
func JoinAndSubscribe(name string, readOnly bool) (sub *topic.Subscriber[[]byte], leave func() error, err error) {
	p, err := topic.Join(&topic.Options{ReadOnly: readOnly})
	if err != nil {
		return nil, nil, err
	}
	if sub, err = topic.NewSubscriber[[]byte](context.Background(), p, name, nil); err != nil {
		return nil, nil, errors.Join(err, p.Close())
	}
	return sub, p.Close, nil
}

// ListTopics returns the topics of all endpoints.
type ListTopics struct{}

func (ListTopics) Run(context.Context, *State) (found []string, _ error) {
	o, err := registry.Observe(DomainDir())
	if err != nil {
		return nil, err
	}
	defer o.Close()
	all, err := o.Snapshot()
	for _, p := range all {
		for _, e := range p.Endpoints {
			found = append(found, e.Topic)
		}
	}
	return found, errors.Join(append(o.Errors(), err)...)
}

// RecordTen records in a folder until it has received ten samples of a topic itself. It takes part in the domain if it may.
type RecordTen struct{ Topic, Folder string }

func (c RecordTen) Run(ctx context.Context, _ *State) ([]string, error) {
	p, err := topic.Join(nil)
	if errors.As(err, new(*registry.AccessError)) {
		if q, rerr := topic.Join(&topic.Options{ReadOnly: true}); rerr == nil {
			p, err = q, nil
		}
	}
	if err != nil {
		return nil, err
	}
	defer p.Close()
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	tenMore := func() {
		defer enough()
		sub, err := topic.NewSubscriber[[]byte](ctx, p, c.Topic, nil)
		if err != nil {
			return
		}
		for range 10 {
			s, err := sub.Receive(ctx)
			if err != nil {
				return
			}
			s.Release()
		}
	}
	s, err := record.Record(ctx, p, filepath.Join(c.Folder, fmt.Sprintf("%d.mcap", os.Getpid())), &record.RecordOptions{
		Started: func() { go tenMore() },
	})
	if err == nil && s.Messages == 0 {
		err = errors.New("nothing was recorded")
	}
	return nil, err
}

// Clean removes the files of dead participants, and returns their names.
type Clean struct{}

func (Clean) Run(context.Context, *State) ([]string, error) {
	return registry.Clean(DomainDir(), false)
}

// Record records until its context or the disk ends it.
type Record struct{ Path string }

func (c Record) Run(ctx context.Context, s *State) (none, error) {
	_, err := record.Record(ctx, s.Participant, c.Path, nil)
	return none{}, err
}
