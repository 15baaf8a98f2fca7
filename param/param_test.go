package param_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/shmbus/shmbus/param"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

func join(t testing.TB, dir, unit string) *topic.Participant {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: unit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func serve(t *testing.T, p *topic.Participant) *param.Server {
	t.Helper()
	s, err := param.NewServer(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func declare[T param.Type](t *testing.T, s *param.Server, name string, v T, opts *param.Options[T]) *param.Parameter[T] {
	t.Helper()
	p, err := param.Declare(t.Context(), s, name, v, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func open(t *testing.T, p *topic.Participant, owner string) *param.Client {
	t.Helper()
	c, err := param.Open(t.Context(), p, owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func testType[T param.Type](t *testing.T, first, second T, same func(a, b T) bool) {
	t.Run(fmt.Sprintf("%T", first), func(t *testing.T) {
		dir := t.TempDir()
		owner := join(t, dir, "arm")
		p := declare(t, serve(t, owner), "x", first, nil)
		c := open(t, join(t, dir, ""), "arm")
		if v, err := param.Get[T](c, "x"); err != nil || !same(v, first) || !same(p.Get(), first) {
			t.Fatal(v, err)
		}
		if err := c.Set(t.Context(), "x", param.Of(second)); err != nil {
			t.Fatal(err)
		}
		if v, err := param.Get[T](c, "x"); err != nil || !same(v, second) || !same(p.Get(), second) {
			t.Fatal(v, err)
		}
		text := param.Of(second).String()
		parsed, err := param.Parse(param.Of(second).Kind(), text)
		if again, err2 := param.As[T](parsed); err != nil || err2 != nil || !same(again, second) {
			t.Errorf("%q is %v, %v, %v", text, again, err, err2)
		}
	})
}

func TestTypes(t *testing.T) {
	testType(t, false, true, func(a, b bool) bool { return a == b })
	testType(t, math.MinInt64, int64(math.MaxInt64), func(a, b int64) bool { return a == b })
	testType(t, 0, math.Inf(1), func(a, b float64) bool { return a == b })
	testType(t, 0.1, math.NaN(), func(a, b float64) bool { return a == b || a != a && b != b })
	testType(t, "", "text\n", func(a, b string) bool { return a == b })
	testType(t, nil, []byte{0, 255}, slices.Equal)
	testType(t, nil, []bool{true, false}, slices.Equal)
	testType(t, []int64{}, []int64{-1, math.MaxInt64}, slices.Equal)
	testType(t, nil, []float64{1.5, -0.1}, slices.Equal)
	testType(t, []string{"a"}, []string{"b", ""}, slices.Equal)
}

func TestLists_AreCopies(t *testing.T) {
	s := serve(t, join(t, t.TempDir(), ""))
	list := []int64{1, 2}
	p := declare(t, s, "x", list, nil)
	list[0] = 9
	p.Get()[1] = 9
	if got := p.Get(); !slices.Equal(got, []int64{1, 2}) {
		t.Fatal(got)
	}
}

// A process that reads losslessly and takes nothing keeps the owner from nothing.
func TestListAndWatch(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, join(t, dir, "arm"))
	b := declare(t, s, "b", int64(0), &param.Options[int64]{Description: "second"})
	declare(t, s, "a", true, nil)
	c := open(t, join(t, dir, ""), "arm")
	list, err := c.List()
	if err != nil || len(list) != 2 || list[0].Name != "a" || list[1].Description != "second" || list[1].Owner.PID != os.Getpid() {
		t.Fatal(list, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	for info, err := range c.Watch(ctx) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			break
		}
		got = append(got, info.Name+"="+info.Value.String())
		switch len(got) {
		case 2:
			if err := b.Set(ctx, 1); err != nil {
				t.Fatal(err)
			}
		case 3:
			if err := c.Set(ctx, "b", param.Of(int64(2))); err != nil {
				t.Fatal(err)
			}
		case 4:
			declare(t, s, "c", "new", nil)
		case 5:
			cancel()
		}
	}
	if fmt.Sprint(got) != "[a=true b=0 b=1 b=2 c=new]" {
		t.Fatal(got)
	}
}

// What all participants have is found by one that only reads, and is the newest.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	want := map[string]string{}
	for _, unit := range []string{"arm", "leg"} {
		p := join(t, dir, unit)
		s := serve(t, p)
		speed := declare(t, s, "speed", 1.5, nil)
		declare(t, s, "joints", []int64{1, 2}, nil)
		if err := speed.Set(t.Context(), 2.5); err != nil {
			t.Fatal(err)
		}
		want[p.ID().String()+" speed"], want[p.ID().String()+" joints"] = "2.5", "[1,2]"
	}
	reader, err := topic.Join(&topic.Options{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	got := map[string]string{}
	for i, err := range param.Find(t.Context(), reader) {
		if err != nil {
			t.Fatal(err)
		}
		got[i.Owner.ID.String()+" "+i.Name] = i.Value.String()
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	for range param.Find(t.Context(), reader) {
		break
	}
}

// An owner is there before it declares a parameter.
func TestOwner_WithoutParameters(t *testing.T) {
	dir := t.TempDir()
	owner := join(t, dir, "arm")
	early := open(t, join(t, dir, ""), "arm")
	s := serve(t, owner)
	for _, c := range []*param.Client{early, open(t, join(t, dir, ""), "arm")} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := c.WaitForOwner(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if o, err := c.Owner(); o.ID != owner.ID() || o.Unit != "arm" || err != nil {
			t.Error(o, err)
		}
		if list, err := c.List(); len(list) != 0 || err != nil {
			t.Error(list, err)
		}
		if _, err := c.Get(""); !errors.Is(err, param.ErrUnknown) {
			t.Error(err)
		}
	}
	for i, err := range param.Find(t.Context(), join(t, dir, "")) {
		t.Error(i, err)
	}
	for n := range param.MaxParameters { // as many as there may be
		declare(t, s, fmt.Sprint("x", n), true, nil)
	}
	if list, err := open(t, join(t, dir, ""), "arm").List(); len(list) != param.MaxParameters || err != nil {
		t.Error(len(list), err)
	}
}

func TestChanges(t *testing.T) {
	dir := t.TempDir()
	p := declare(t, serve(t, join(t, dir, "arm")), "x", int64(0), nil)
	c := open(t, join(t, dir, ""), "arm")
	var got []int64
	for v := range p.Changes(t.Context()) {
		if got = append(got, v); len(got) == 3 {
			break
		}
		if err := c.Set(t.Context(), "x", param.Of(v+1)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(got, []int64{0, 1, 2}) {
		t.Fatal(got)
	}
}

// The revisions of a server that is made again begin anew. Watch yields its values.
func TestWatch_AServerThatIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	owner := join(t, dir, "arm")
	s := serve(t, owner)
	p := declare(t, s, "x", int64(0), nil)
	for v := range int64(5) {
		if err := p.Set(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	c := open(t, join(t, dir, ""), "arm")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	again := false
	for info, err := range c.Watch(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		switch v, err := param.As[int64](info.Value); {
		case err != nil:
			t.Fatal(err)
		case again && v == 100:
			return
		case again:
			t.Fatalf("%d comes from a server that is gone", v)
		case v < 4:
			continue
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for err == nil { // until the client has learned of it
			_, err = c.Get("x")
		}
		if !errors.Is(err, param.ErrNoOwner) {
			t.Fatal(err)
		}
		declare(t, serve(t, owner), "x", int64(100), nil)
		again = true
	}
}

func TestOwners(t *testing.T) {
	dir := t.TempDir()
	reader := join(t, dir, "")
	c := open(t, reader, "arm")
	if _, err := c.Get("x"); !errors.Is(err, param.ErrNoOwner) {
		t.Fatal(err)
	}
	if err := c.Set(t.Context(), "x", param.Of(true)); !errors.Is(err, param.ErrNoOwner) {
		t.Fatal(err)
	}
	first := join(t, dir, "arm")
	s := serve(t, first)
	declare(t, s, "x", int64(1), nil)
	if _, err := param.NewServer(t.Context(), first); !errors.As(err, new(*service.ServerExistsError)) {
		t.Fatal(err)
	}
	declare(t, serve(t, join(t, dir, "another")), "x", int64(3), nil)
	if err := c.WaitForOwner(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := param.Get[int64](c, "x"); v != 1 || err != nil {
		t.Fatal(v, err)
	}
	watch, stop := context.WithCancel(t.Context())
	defer stop()
	for info, err := range c.Watch(watch) {
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := param.As[int64](info.Value); v == 2 { // of the one that started again
			break
		}
		if err := c.Set(t.Context(), "x", param.Of(int64(1))); err != nil { // makes a client of its service
			t.Fatal(err)
		}
		if err := errors.Join(s.Close(), first.Close()); err != nil {
			t.Fatal(err)
		}
		declare(t, serve(t, join(t, dir, "arm")), "x", int64(2), nil)
	}
	second := join(t, dir, "arm")
	declare(t, serve(t, second), "x", int64(4), nil)
	byID := open(t, reader, second.ID().String())
	if err := byID.Set(t.Context(), "x", param.Of(int64(5))); err != nil {
		t.Fatal(err)
	}
	if v, err := param.Get[int64](byID, "x"); v != 5 || err != nil {
		t.Fatal(v, err)
	}
	ambiguous := open(t, reader, "arm")
	if _, err := ambiguous.List(); !errors.Is(err, param.ErrAmbiguous) {
		t.Fatal(err)
	}
	c.Close()
	if _, err := c.List(); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

// A set that is open when its owner leaves has the result of the call: the owner may have taken the value.
