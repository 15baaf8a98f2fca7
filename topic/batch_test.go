package topic

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestBatch_BytesAndValues(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	raw := publisher[[]byte](t, a, "raw", nil)
	typed := publisher[int](t, a, "typed", nil)
	raws, typeds := subscriber[[]byte](t, b, "raw", nil), subscriber[int](t, b, "typed", nil)

	if n, err := raw.PublishBatch(t.Context(), [][]byte{[]byte("a"), nil, []byte("ccc")}); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	buf := make([]Sample[[]byte], 5)
	n, err := raws.ReceiveBatch(t.Context(), buf)
	if n != 3 || err != nil {
		t.Fatal(n, err)
	}
	for i, want := range []string{"a", "", "ccc"} {
		if got := string(buf[i].Bytes()); got != want || buf[i].Topic() != "raw" {
			t.Errorf("sample %d on %q is %q", i, buf[i].Topic(), got)
		}
		buf[i].Release()
	}

	if n, err := typed.PublishBatch(t.Context(), []int{1, 2, 3}); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	sum := 0
	values := make([]Sample[int], 2)
	for sum < 6 {
		n, err := typeds.ReceiveBatch(t.Context(), values)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range values[:n] {
			v, err := s.Value()
			if err != nil {
				t.Fatal(err)
			}
			sum += v
			s.Release()
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := typeds.ReceiveBatch(cancelled, values); n != 0 || !errors.Is(err, context.Canceled) {
		t.Error(n, err)
	}
}

func TestBatch_BytesAllocateNothing(t *testing.T) {
	o := domain(t)
	a, b := join(t, o), join(t, o)
	pub := publisher[[]byte](t, a, "x", nil)
	sub := subscriber[[]byte](t, b, "x", nil)
	batch, buf := make([][]byte, 8), make([]Sample[[]byte], 8)
	for i := range batch {
		batch[i] = fmt.Append(nil, "sample ", i)
	}
	ctx := t.Context()
	step := func() {
		if n, err := pub.PublishBatch(ctx, batch); n != 8 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := sub.ReceiveBatch(ctx, buf); n != 8 || err != nil {
			t.Fatal(n, err)
		}
		for _, s := range buf {
			s.Release()
		}
	}
	for range 100 {
		step()
	}
	thousand := func() {
		for range 1000 {
			step()
		}
	}
	if n := allocations(t, thousand); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
