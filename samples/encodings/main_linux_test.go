package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde/dynamic"
	"github.com/shmbus/shmbus/topic"
)

// A program without the Go types finds the same values in every encoding that can be shown.
func TestEncodings_HaveTheSameValues(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	t.Setenv("SHMBUS_DIR", dir)
	t.Setenv("SHMBUS_DOMAIN", "d")
	p, err := topic.Join(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	sub, err := topic.NewSubscriber[[]byte](t.Context(), p, "encodings/**", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"-count", "1"}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{}
	o := observationAt(time.Now(), 0)
	want["pose"] = sum(poseNumbers(o.Pose))
	for _, b := range o.Image.Data {
		want["image"] += float64(b)
	}
	for _, f := range o.Points.Points {
		want["points"] += float64(f)
	}
	received := map[string]int{}
	for range 3 * len(encodings()) {
		s, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		kind, encoding := path.Base(s.Topic()), path.Base(path.Dir(s.Topic()))
		received[encoding]++
		if got := s.Type().Encoding; got != encoding {
			t.Errorf("%s has encoding %q", s.Topic(), got)
		}
		if encoding != "raw" && encoding != "string" {
			v, err := dynamic.ToValue(s.Type(), s.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if got := content(v, kind); math.Abs(got-want[kind]) > 1e-6*math.Abs(want[kind]) {
				t.Errorf("%s sums up to %v, want %v", s.Topic(), got, want[kind])
			}
		}
		s.Release()
	}
	for _, name := range slices.Sorted(maps.Keys(encodings())) {
		if received[name] != 3 {
			t.Errorf("%d samples of %s were received", received[name], name)
		}
	}
}

// content is the sum of the numbers that a value has apart from its stamp, size and the like.
func content(v any, kind string) float64 {
	switch kind {
	case "pose":
		return total(member(v, "position"), false) + total(member(v, "orientation"), false)
	case "image":
		return total(member(v, "data", "items"), false)
	}
	return total(member(v, "points", "data", "items"), true)
}

// member is the first member that has one of the names, at any depth.
func member(v any, names ...string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	for _, name := range names {
		for key, inner := range m {
			if strings.EqualFold(key, name) {
				return inner
			}
		}
	}
	for _, inner := range m {
		if found := member(inner, names...); found != nil {
			return found
		}
	}
	return nil
}

// total is the sum of all numbers in v. Bytes are numbers of 8 bits, or floating-point numbers of 32.
func total(v any, float32s bool) (n float64) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			n += total(inner, float32s)
		}
	case []any:
		for _, inner := range v {
			n += total(inner, float32s)
		}
	case []byte:
		if float32s {
			for i := 0; i+4 <= len(v); i += 4 {
				n += float64(math.Float32frombits(binary.LittleEndian.Uint32(v[i:])))
			}
			return n
		}
		for _, b := range v {
			n += float64(b)
		}
	case string: // JSON has no bytes
		b, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return math.NaN()
		}
		return total(b, float32s)
	case float64:
		return v
	case int64:
		return float64(v)
	}
	return n
}

func sum(numbers []float64) (n float64) {
	for _, f := range numbers {
		n += f
	}
	return n
}

func TestRun_CommandLine(t *testing.T) {
	var list strings.Builder
	if err := run(t.Context(), []string{"-list"}, &list, io.Discard); err != nil || !strings.Contains(list.String(), "protobuf\n") {
		t.Errorf("the list is %q (%v)", list.String(), err)
	}
	for _, args := range [][]string{{"-count", "-1"}, {"xml"}, {"-rate", "3"}} {
		if err := run(context.Background(), args, io.Discard, io.Discard); !errors.As(err, new(*usageError)) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
