//go:build linux

package registry

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/stats"
)

func TestSchema_OneMegabyte(t *testing.T) {
	dir := domain(t)
	a, b := watch(t, dir), watch(t, dir)
	e := publisher("big")
	e.Schema = bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	pub := advertise(t, a.Registry, e)
	if got := b.expect(a.ID(), Joined, Added)[1].Endpoint; !bytes.Equal(got.Schema, e.Schema) {
		t.Errorf("a schema of %d bytes arrives as %d", len(e.Schema), len(got.Schema))
	}
	pub.Withdraw()
	if list := files(t, dir); slices.ContainsFunc(list, func(n string) bool { return strings.Contains(n, "schema") }) {
		t.Errorf("after Withdraw there are %q", list)
	}
}

func TestAdvertise_TwoHundred(t *testing.T) {
	dir := domain(t)
	a, b := watch(t, dir), watch(t, dir)
	const n = 200
	var ads []*Advertisement
	for i := range n {
		ads = append(ads, advertise(t, a.Registry, publisher(fmt.Sprintf("topic/%d", i))))
	}
	b.expect(a.ID(), slices.Concat([]ChangeKind{Joined}, slices.Repeat([]ChangeKind{Added}, n))...)
	for _, i := range []int{0, 77, n - 1} {
		ads[i].Withdraw()
		if c := b.expect(a.ID(), Removed); c[0].Endpoint.ID != ads[i].ID() {
			t.Errorf("%v is gone, want %v", c[0].Endpoint.ID, ads[i].ID())
		}
	}
	if err := b.refresh(); err != nil {
		t.Fatal(err)
	}
	for _, p := range b.participants() {
		if p.ID == a.ID() && (len(p.Endpoints) != n-3 || p.Endpoints[0].Topic != "topic/1") {
			t.Errorf("%d endpoints are known, the first is %+v", len(p.Endpoints), p.Endpoints[0])
		}
	}
}

func TestAdvertise_Limits(t *testing.T) {
	dir := domain(t)
	r := watch(t, dir).Registry
	var limit *errdefs.LimitError
	try := func(what string, e Endpoint) {
		t.Helper()
		e.ID.Number = r.ReserveID()
		if _, err := r.Advertise(e); !errors.As(err, &limit) {
			t.Errorf("%s: %v", what, err)
		}
	}
	e := publisher("a")
	e.Schema = make([]byte, MaxSchema+1)
	try("a schema too large", e)
	e = subscription(slices.Repeat([]string{strings.Repeat("x", MaxName)}, 13)...)
	try("too many patterns", e)
	e = publisher("a")
	e.Schema = make([]byte, MaxSchema)
	var ads []*Advertisement
	for range MaxSchemas / MaxSchema {
		ads = append(ads, advertise(t, r, e))
	}
	try("schemas too large together", e)
	for _, a := range ads {
		a.Withdraw()
	}
	e.Schema = nil
	for range MaxEndpoints {
		ads = append(ads, advertise(t, r, e))
	}
	try("one endpoint too many", e)
	if limit.Limit != MaxEndpoints {
		t.Errorf("the limit is %d", limit.Limit)
	}
	ads[len(ads)-1].Withdraw()
	advertise(t, r, e)
	if list := files(t, dir); len(list) != 2 {
		t.Errorf("there are %q", list)
	}
}

func TestAdvertise_InvalidEndpoints(t *testing.T) {
	r := watch(t, domain(t)).Registry
	used := advertise(t, r, publisher("a"))
	withPatterns := publisher("a")
	withPatterns.Patterns = []string{"a"}
	badType := publisher("a")
	badType.TypeName = "a\nb"
	badEncoding := publisher("a")
	badEncoding.Encoding = "\xff"
	withMetadata := func(e Endpoint, m map[string]string) Endpoint {
		e.Metadata = m
		return e
	}
	badTopic := subscription("a")
	badTopic.Topic = "a//"
	for what, e := range map[string]Endpoint{
		"an illegal topic": publisher("a//b"), "a pattern as a topic": publisher("a/*"), "no topic": publisher(""),
		"a publisher with patterns": withPatterns, "a subscription without patterns": subscription(),
		"an illegal pattern": subscription("a", "b*"), "a kind that does not exist": {Kind: 3, Topic: "a"}, "no kind": {},
		"control characters in the type": badType, "an encoding not in UTF-8": badEncoding, "an illegal topic beside patterns": badTopic,
		"metadata of a subscription":    withMetadata(subscription("a"), map[string]string{"k": "v"}),
		"an empty key in the metadata":  withMetadata(publisher("a"), map[string]string{"": "v"}),
		"metadata not in UTF-8":         withMetadata(publisher("a"), map[string]string{"k": "\xff"}),
		"control characters in a key":   withMetadata(publisher("a"), map[string]string{"\n": "v"}),
		"more metadata than is allowed": withMetadata(publisher("a"), map[string]string{"k": strings.Repeat("x", MaxMetadata)}),
	} {
		e.ID.Number = r.ReserveID()
		if _, err := r.Advertise(e); err == nil {
			t.Errorf("%s was advertised", what)
		}
	}
	for what, number := range map[string]uint32{"0": 0, "one not handed out": 1000, "one in use": used.ID().Number} {
		e := publisher("a")
		e.ID.Number = number
		if _, err := r.Advertise(e); err == nil {
			t.Errorf("number %s was taken", what)
		}
	}
	e := publisher("a//")
	e.ID.Number = r.ReserveID()
	r.Advertise(e)
	e.Topic = "a"
	if _, err := r.Advertise(e); err != nil {
		t.Errorf("a number is used up by an error: %v", err)
	}
}

func TestCounters_ReadByObserver(t *testing.T) {
	dir := domain(t)
	r := watch(t, dir).Registry
	o, err := Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	read := func() Stats {
		t.Helper()
		all, err := o.Snapshot()
		if err != nil || len(all) != 1 || len(all[0].Endpoints) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		return o.Stats()
	}
	pub := advertise(t, r, publisher("a"))
	if len(pub.Counters()) != stats.Size {
		t.Fatalf("the block has %d bytes", len(pub.Counters()))
	}
	c := stats.NewPublisher(pub.Counters())
	for want := range uint64(3) {
		if got := read(); len(got.Publishers) != 1 || got.Publishers[pub.ID()].Messages != want {
			t.Errorf("the statistics are %+v, want %d messages", got, want)
		}
		c.Published(10, 5)
	}
	pub.Withdraw()
	sub := advertise(t, r, subscription("a"))
	if got := o.Stats(); len(got.Publishers)+len(got.Subscriptions) != 0 {
		t.Errorf("after Withdraw the statistics are %+v", got)
	}
	if got := read(); len(got.Publishers) != 0 || len(got.Subscriptions) != 1 || got.Subscriptions[sub.ID()] != (SubscriptionStats{}) {
		t.Errorf("a new subscription begins with %+v", got)
	}
	s := stats.NewSubscription(sub.Counters())
	s.Received(7, 8, 9)
	if got := o.Stats().Subscriptions[sub.ID()]; got.Messages != 1 || got.Lost != 9 {
		t.Errorf("the statistics are %+v", got)
	}
}

func TestNotify_TouchedEverywhere(t *testing.T) {
	dir := domain(t)
	a, b := watch(t, dir), watch(t, dir)
	a.expect(a.ID(), Joined, Touched)
	b.expect(a.ID(), Joined, Touched)
	a.Notify()
	a.expect(a.ID(), Touched)
	b.expect(a.ID(), Touched)
}

func TestOnChange_CallsBack(t *testing.T) {
	dir := domain(t)
	var (
		r     *Registry
		ready = make(chan struct{})
		done  = make(chan error, 1)
		once  sync.Once
	)
	other := watch(t, dir)
	r, err := Join(Options{Dir: dir, OnChange: func(c Change) {
		<-ready
		if c.Kind != Added || c.Participant.ID != other.ID() {
			return
		}
		once.Do(func() {
			e := publisher("answer")
			e.ID.Number = r.ReserveID()
			a, err := r.Advertise(e)
			if err == nil {
				r.Notify()
				err = a.Withdraw()
			}
			typed, mismatch := c.Endpoint, new(TypeMismatchError)
			typed.AnyType = false
			if !errors.As(r.Match(publisher("a"), typed), &mismatch) || mismatch.Subscription.PID != os.Getpid() {
				err = errors.Join(err, errors.New("the other participant is not known in the report of its endpoint"))
			}
			done <- err
		})
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	close(ready)
	advertise(t, other.Registry, subscription("**"))
	if err := <-done; err != nil {
		t.Error(err)
	}
	other.expect(r.ID(), Joined)
}

func TestOnChange_OrderUnderLoad(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 10 {
				r, err := Join(Options{Dir: dir})
				if err != nil {
					t.Error(err)
					return
				}
				var inner sync.WaitGroup
				for i := range 4 {
					inner.Go(func() {
						e := publisher(fmt.Sprintf("t/%d", i))
						e.ID.Number = r.ReserveID()
						a, err := r.Advertise(e)
						if err != nil {
							t.Error(err)
							return
						}
						r.refresh()
						if i%2 == 0 {
							a.Withdraw()
						}
					})
				}
				inner.Wait()
				if err := r.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := w.refresh(); err != nil {
		t.Fatal(err)
	}
	alive, endpoints := make(map[ID]bool), make(map[EndpointID]bool)
	for len(w.changes) != 0 {
		c := <-w.changes
		id := c.Participant.ID
		if (c.Kind == Joined) == alive[id] {
			t.Fatalf("%v of %v, whose presence is %v", c.Kind, id, alive[id])
		}
		switch c.Kind {
		case Joined:
			alive[id] = true
		case Left:
			delete(alive, id)
			for e := range endpoints {
				if e.Participant == id {
					t.Errorf("%v was not removed before the participant left", e)
				}
			}
		case Added, Removed:
			if endpoints[c.Endpoint.ID] == (c.Kind == Added) {
				t.Errorf("%v of %v, whose presence is %v", c.Kind, c.Endpoint.ID, endpoints[c.Endpoint.ID])
			}
			if c.Kind == Added {
				endpoints[c.Endpoint.ID] = true
			} else {
				delete(endpoints, c.Endpoint.ID)
			}
		case Touched:
		default:
			t.Errorf("%v of %v: %v", c.Kind, id, c.Err)
		}
	}
	if len(alive) != 1 || len(w.participants()) != 1 {
		t.Errorf("%d participants remain", len(alive))
	}
	if list := files(t, dir); len(list) != 2 {
		t.Errorf("there are %q", list)
	}
}

func TestClose_Repeated(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	pub := advertise(t, w.Registry, publisher("a"))
	for _, suffix := range []string{"reader", "pub.1"} {
		if err := os.WriteFile(w.Path(suffix), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if list := files(t, dir); !slices.Equal(list, []string{"registry"}) {
		t.Errorf("there are %q", list)
	}
	e := publisher("a")
	e.ID.Number = w.ReserveID()
	_, err := w.Advertise(e)
	for _, err := range []error{err, w.Sync()} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	if err := pub.Withdraw(); err != nil {
		t.Error(err)
	}
	w.Notify()
	if w.isAlive(w.ID()) || len(w.participants()) != 0 {
		t.Error("a closed participant knows itself still")
	}
}

func TestOptions_DefaultsAndPaths(t *testing.T) {
	dir := domain(t)
	t.Setenv("SHMBUS_DIR", filepath.Dir(dir))
	t.Setenv("SHMBUS_DOMAIN", "by-name")
	r, err := Join(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if want := filepath.Join(filepath.Dir(dir), "by-name"); r.Dir() != want {
		t.Errorf("joined %s, want %s", r.Dir(), want)
	}
	if want := r.Dir() + "/" + r.ID().String() + ".pub.3"; r.Path("pub.3") != want || r.PeerPath(r.ID(), "pub.3") != want {
		t.Errorf("the path of a publisher is %s", r.Path("pub.3"))
	}
	o, err := Observe(r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if all, err := o.Snapshot(); err != nil || len(all) != 1 || all[0].Unit != filepath.Base(os.Args[0]) || all[0].PID != os.Getpid() {
		t.Errorf("it is seen as %+v, %v", all, err)
	}
	if _, err := Join(Options{Unit: "a\nb"}); !errors.As(err, new(*NameError)) {
		t.Errorf("an illegal unit: %v", err)
	}
}

func TestMatch_NamesProcesses(t *testing.T) {
	dir := domain(t)
	w := watch(t, dir)
	pub := advertise(t, w.Registry, publisher("a"))
	added := w.expect(w.ID(), Joined, Added)[1].Endpoint
	var mismatch *TypeMismatchError
	sub := Endpoint{ID: EndpointID{newID(), 1}, Kind: KindSubscription, Encoding: "raw"}
	if err := w.Match(added, sub); !errors.As(err, &mismatch) {
		t.Fatal(err)
	}
	if p := mismatch.Publisher; p.EndpointID != pub.ID() || p.Unit != "watcher" || p.PID != os.Getpid() || p.Executable == "" {
		t.Errorf("the publisher is %+v", p)
	}
	if mismatch.Subscription.PID != 0 {
		t.Error("an unknown participant has a pid")
	}
	sub.AnyType = true
	if err := w.Match(added, sub); err != nil {
		t.Error(err)
	}
}

func TestCutName(t *testing.T) {
	for in, want := range map[string]string{"a": "a", "a\nb": "a?b", "a\xffb": "a?b", "äöü": "äö", "\u0085": "?"} {
		if got := cutName(in, 5); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
