//go:build linux

package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// An accessResult is the outcome of an attempt.
type accessResult struct {
	Error     string // empty: it worked
	Kernel    bool   // the error says that the kernel refused it
	Access    bool   // it is a *registry.AccessError
	Forbidden bool   // it is a *registry.ForbiddenError
	Found     []string
}

// accessRole does one thing and reports what came of it.
func accessRole(args []string) error {
	f := flag.NewFlagSet("access", flag.ContinueOnError)
	do := f.String("do", "", "")
	files := f.String("files", "", "where it may write")
	name := f.String("topic", "load", "")
	umask := f.Int("umask", 0o22, "")
	if err := f.Parse(args); err != nil {
		return err
	}
	syscall.Umask(*umask)
	a := &accessAgent{topic: *name, files: *files}
	actions := map[string]func(context.Context) error{
		"publish": a.publish, "subscribe": a.subscribe, "watch": a.watch, "list": a.list, "record": a.record, "clean": a.clean,
		"tamper": a.tamper, "usurp": a.replaceFiles,
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := actions[*do](ctx)
	r := accessResult{Found: a.found}
	if err != nil {
		r.Error = err.Error()
		r.Kernel = errors.Is(err, fs.ErrPermission)
		r.Access = errors.As(err, new(*registry.AccessError))
		r.Forbidden = errors.As(err, new(*registry.ForbiddenError))
	}
	return report(r)
}

type accessAgent struct {
	topic, files string
	readOnly     bool
	found        []string
}

func (a *accessAgent) dir() string {
	return filepath.Join(os.Getenv("SHMBUS_DIR"), os.Getenv("SHMBUS_DOMAIN"))
}

func (a *accessAgent) join() (*topic.Participant, error) {
	return topic.Join(&topic.Options{ReadOnly: a.readOnly})
}

// publish publishes ten samples to a subscriber.
func (a *accessAgent) publish(ctx context.Context) error {
	p, err := a.join()
	if err != nil {
		return err
	}
	defer p.Close()
	pub, err := topic.NewPublisher[[]byte](ctx, p, a.topic, nil)
	if err != nil {
		return err
	}
	if err := pub.WaitSubscribers(ctx, 1); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(a.dir(), "*"))
	for _, f := range files {
		info, serr := os.Stat(f)
		if err = errors.Join(err, serr); serr == nil {
			sort := strings.Split(filepath.Base(f)+".", ".")[1]
			a.found = append(a.found, fmt.Sprintf("%s %04o", sort, info.Mode().Perm()))
		}
	}
	if err != nil {
		return err
	}
	b := make([]byte, 1000)
	for seq := range uint64(10) {
		fill(b, seq+1)
		if _, err := pub.Publish(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// newSubscriber joins with one subscriber.
func (a *accessAgent) newSubscriber() (sub *topic.Subscriber[[]byte], leave func() error, err error) {
	p, err := a.join()
	if err != nil {
		return nil, nil, err
	}
	if sub, err = topic.NewSubscriber[[]byte](context.Background(), p, a.topic, nil); err != nil {
		return nil, nil, errors.Join(err, p.Close())
	}
	return sub, p.Close, nil
}

// subscribe checks ten samples.
func (a *accessAgent) subscribe(ctx context.Context) error {
	sub, leave, err := a.newSubscriber()
	if err != nil {
		return err
	}
	defer leave()
	last := uint64(0)
	for range 10 {
		s, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		if err := check(s.Bytes(), s.Sequence()); err != nil {
			return err
		}
		if last != 0 && s.Sequence() != last+1+s.Lost() {
			return fmt.Errorf("sample %d after %d with %d lost", s.Sequence(), last, s.Lost())
		}
		last = s.Sequence()
		s.Release()
	}
	return nil
}

// watch subscribes without taking part.
func (a *accessAgent) watch(ctx context.Context) error {
	a.readOnly = true
	return a.subscribe(ctx)
}

// list finds the topics that are published.
func (a *accessAgent) list(context.Context) error {
	o, err := registry.Observe(a.dir())
	if err != nil {
		return err
	}
	defer o.Close()
	all, err := o.Snapshot()
	for _, p := range all {
		for _, e := range p.Endpoints {
			a.found = append(a.found, e.Topic)
		}
	}
	return errors.Join(append(o.Errors(), err)...)
}

// record records until it has seen ten samples for itself, taking part if it can.
func (a *accessAgent) record(ctx context.Context) error {
	p, err := a.join()
	if errors.As(err, new(*registry.AccessError)) {
		a.readOnly = true
		if q, rerr := a.join(); rerr == nil {
			p, err = q, nil
		}
	}
	if err != nil {
		return err
	}
	defer p.Close()
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	tenMore := func() {
		defer enough()
		sub, err := topic.NewSubscriber[[]byte](ctx, p, a.topic, nil)
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
	s, err := record.Record(ctx, p, filepath.Join(a.files, fmt.Sprintf("%d.mcap", os.Getpid())), &record.RecordOptions{
		Started: func() { go tenMore() },
	})
	if err == nil && s.Messages == 0 {
		err = errors.New("nothing was recorded")
	}
	return err
}

func (a *accessAgent) clean(context.Context) (err error) {
	a.found, err = registry.Clean(a.dir(), false)
	return err
}

// tamper reads a sample and then tries everything to change it. What works is an error.
func (a *accessAgent) tamper(ctx context.Context) error {
	sub, leave, err := a.newSubscriber()
	if err != nil {
		return err
	}
	defer leave()
	s, err := sub.Receive(ctx)
	if err != nil {
		return err
	}
	defer s.Release()
	b := s.Bytes()
	if !faults(func() { b[0]++ }) {
		return errors.New("a payload was written to")
	}
	if err := syscall.Mprotect(page(b), syscall.PROT_READ|syscall.PROT_WRITE); !errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("a payload's memory was made writable: %v", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, ".pub.") {
			a.found = append(a.found, strings.Fields(line)[1])
		}
	}
	paths, err := filepath.Glob(filepath.Join(a.dir(), "*.pub.*"))
	if err != nil {
		return err
	}
	for fd := range 1000 {
		link := fmt.Sprintf("/proc/self/fd/%d", fd)
		if to, err := os.Readlink(link); err == nil && strings.Contains(to, ".pub.") {
			paths = append(paths, link)
		}
	}
	for _, path := range paths {
		if f, err := os.OpenFile(path, os.O_RDWR, 0); !errors.Is(err, fs.ErrPermission) {
			f.Close()
			return fmt.Errorf("%s was opened for writing: %v", path, err)
		}
	}
	if len(paths) < 2 {
		return fmt.Errorf("only %d files were tried", len(paths))
	}
	return nil
}

// replaceFiles replaces all publishers' files with files of the agent's user.
func (a *accessAgent) replaceFiles(context.Context) error {
	paths, err := filepath.Glob(filepath.Join(a.dir(), "*.pub.*"))
	for _, path := range paths {
		b, rerr := os.ReadFile(path)
		if err = errors.Join(err, rerr, os.Remove(path)); err == nil {
			err = errors.Join(os.WriteFile(path, b, 0o644), os.Chmod(path, 0o644))
		}
	}
	return err
}

// faults reports whether the hardware refuses what fn does.
func faults(fn func()) (refused bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { refused = recover() != nil }()
	fn()
	return false
}
