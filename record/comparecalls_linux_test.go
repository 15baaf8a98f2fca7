package record

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record/fields"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/service"
)

// A moved is an answer with fields.
type moved struct{ X, Y float64 }

// answered records calls of two clients with some targets to a server that answers as f says.
func answered(t *testing.T, targets []int, f func(x int) (moved, error)) string {
	t.Helper()
	o := domain(t)
	robot, p := join(t, o), join(t, o)
	s, err := service.NewServer(t.Context(), robot, "move", func(_ context.Context, call *service.Call[target, moved]) (moved, error) {
		return f(call.Request().X)
	}, &service.ServerOptions[target, moved]{RequestCodec: jsonTarget, ResponseCodec: serde.JSON[moved]()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var clients [2]*service.Client[target, moved]
	for i := range clients {
		clients[i], err = service.NewClient(t.Context(), join(t, o), "move", &service.ClientOptions[target, moved]{
			RequestCodec: jsonTarget, ResponseCodec: serde.JSON[moved](),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer clients[i].Close()
	}
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{Lossless: true})
	for i, x := range targets {
		_, _ = clients[i%2].Call(t.Context(), target{x})
	}
	r.stop()
	return path
}

func TestCompare_Answers(t *testing.T) {
	there := func(x int) (moved, error) { return moved{float64(x), 1}, nil }
	almost := func(x int) (moved, error) { return moved{float64(x) + 0.001, 1}, nil }
	fail := func(text string) func(int) (moved, error) {
		return func(x int) (moved, error) { return moved{}, &service.HandlerError{Code: int32(x), Text: text} }
	}
	a := answered(t, []int{1, 2, 3}, there)
	failed := answered(t, []int{1, 2, 3}, fail("blocked"))
	within := CompareOptions{
		Decode:     func(_ serde.Type, payload []byte) ([]byte, error) { return json.RawMessage(payload), nil },
		Tolerances: []fields.Tolerance{{Field: "X", Absolute: 0.01}},
	}
	exact := within
	exact.Tolerances = nil
	for name, c := range map[string]struct {
		a, b string
		o    CompareOptions
		want string // the first difference
	}{
		"the same":             {a, answered(t, []int{1, 2, 3}, there), CompareOptions{}, ""},
		"of the other client":  {a, answered(t, []int{3, 1, 2}, there), CompareOptions{}, ""},
		"the same errors":      {failed, answered(t, []int{1, 2, 3}, fail("blocked")), CompareOptions{}, ""},
		"other answers":        {a, answered(t, []int{1, 2, 3}, almost), CompareOptions{}, `topic "$service/move": the answer to call 1 differs: response of 13 bytes in the first recording, response of 17 bytes`},
		"within the tolerance": {a, answered(t, []int{1, 2, 3}, almost), within, ""},
		"by their fields":      {a, answered(t, []int{1, 2, 3}, almost), exact, `topic "$service/move": the answer to call 1 differs: "X" is 1, and 1.001`},
		"errors":               {a, failed, within, `topic "$service/move": the answer to call 1 differs: response of 13 bytes in the first recording, error 1: blocked in the second`},
		"other errors":         {failed, answered(t, []int{1, 2, 3}, fail("broken")), CompareOptions{}, `topic "$service/move": the answer to call 1 differs: error 1: blocked in the first recording, error 1: broken in the second`},
		"another request":      {a, answered(t, []int{1, 2, 4}, there), CompareOptions{}, `topic "$service/move": call 3, a call of 7 bytes, is not in the second recording`},
		"a call more":          {a, answered(t, []int{1, 2, 3, 4}, there), CompareOptions{}, `topic "$service/move": 3 calls in the first recording, 4 in the second`},
		"a call less":          {a, answered(t, []int{1, 2}, there), CompareOptions{}, `topic "$service/move": call 3, a call of 7 bytes, is not in the second recording`},
		"left out":             {a, failed, CompareOptions{NoServices: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := CompareWithin(c.a, c.b, &c.o)
			if err != nil {
				t.Fatal(err)
			}
			if d.Equal != (c.want == "") || !strings.HasPrefix(d.First, c.want) || d.Equal != (d.First == "") {
				t.Errorf("equal %v, %q; want %q", d.Equal, d.First, c.want)
			}
			if len(d.Topics) > 0 && (d.Topics[0].Equal != d.Equal || d.Topics[0].A != 3) {
				t.Errorf("%+v", d.Topics)
			}
		})
	}
}
