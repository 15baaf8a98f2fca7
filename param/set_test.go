package param_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/param"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/topic"
)

func TestSet_Refused(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, join(t, dir, "arm"))
	positive := func(v float64) error {
		if v <= 0 {
			return errors.New("must be positive")
		}
		return nil
	}
	speed := declare(t, s, "speed", 1.0, &param.Options[float64]{Validate: positive})
	model := declare(t, s, "model", "A", &param.Options[string]{ReadOnly: true})
	c := open(t, join(t, dir, ""), "arm")
	for name, test := range map[string]struct {
		value param.Value
		want  error
	}{
		"speed":   {param.Of(-1.0), param.ErrRefused},
		"model":   {param.Of("B"), param.ErrReadOnly},
		"nothing": {param.Of("B"), param.ErrUnknown},
	} {
		err := c.Set(t.Context(), name, test.value)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	want := `set parameter "speed": the value was refused: must be positive`
	if err := c.Set(t.Context(), "speed", param.Of(-1.0)); err.Error() != want {
		t.Errorf("the reason is %q", err)
	}
	for _, v := range []param.Value{param.Of("fast"), {}} {
		if err := c.Set(t.Context(), "speed", v); !errors.Is(err, param.ErrType) {
			t.Errorf("%v: %v", v, err)
		}
	}
	if err := speed.Set(t.Context(), -1); !errors.Is(err, param.ErrRefused) || err.Error() != want {
		t.Error(err)
	}
	if err := model.Set(t.Context(), "B"); !errors.Is(err, param.ErrReadOnly) {
		t.Error(err)
	}
	if v, err := param.Get[float64](c, "speed"); v != 1 || err != nil || speed.Get() != 1 || model.Get() != "A" {
		t.Error(v, err, model.Get())
	}
	if _, err := param.Declare(t.Context(), s, "other", -1.0, &param.Options[float64]{Validate: positive}); !errors.Is(err, param.ErrRefused) {
		t.Error(err)
	}
	for _, name := range []string{"speed", "", "a//b"} {
		if _, err := param.Declare(t.Context(), s, name, 1.0, nil); err == nil {
			t.Errorf("%q can be declared", name)
		}
	}
	large := declare(t, s, "large", "", nil)
	tooLarge := string(make([]byte, param.MaxSize))
	for _, err := range []error{large.Set(t.Context(), tooLarge), c.Set(t.Context(), "large", param.Of(tooLarge))} {
		if !errors.Is(err, param.ErrRefused) || !strings.Contains(err.Error(), "at most 1048576") || large.Get() != "" {
			t.Error(err)
		}
	}
}

func TestSet_LosslessReader(t *testing.T) {
	dir := t.TempDir()
	owner := join(t, dir, "arm")
	speed := declare(t, serve(t, owner), "speed", int64(0), nil)
	_, err := topic.NewSubscriber[[]byte](t.Context(), join(t, dir, ""), param.Prefix+owner.ID().String(), &topic.SubscriberOptions[[]byte]{
		Lossless: true, LosslessTimeout: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for v := range int64(2000) {
		if err := speed.Set(ctx, v); err != nil {
			t.Fatalf("set %d: %v", v, err)
		}
	}
}

func TestSet_OwnerLeaves(t *testing.T) {
	dir := t.TempDir()
	c := open(t, join(t, dir, ""), "arm")
	for range 10 {
		owner := join(t, dir, "arm")
		began, release := make(chan bool), make(chan bool)
		declare(t, serve(t, owner), "x", int64(0), &param.Options[int64]{Validate: func(v int64) error {
			if v > 0 {
				began <- true
				<-release
			}
			return nil
		}})
		if err := c.WaitForOwner(t.Context()); err != nil {
			t.Fatal(err)
		}
		result := make(chan error)
		go func() { result <- c.Set(t.Context(), "x", param.Of(int64(1))) }()
		<-began
		if err := owner.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-result; !errors.Is(err, service.ErrOutcomeUnknown) {
			t.Errorf("set: %v", err)
		}
		close(release)
		for {
			if _, err := c.List(); errors.Is(err, param.ErrNoOwner) {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
}
