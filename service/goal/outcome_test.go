package goal_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
)

// What a handler returns reaches the client as that of a service does: with the text around a HandlerError, without a negative code, and
// also if it is a nil *HandlerError.
func TestFailed_ErrorsOfHandlers(t *testing.T) {
	dir := t.TempDir()
	_, s := serve(t, dir, nil)
	c := connect(t, dir)
	for _, test := range []struct {
		err  error
		code int32
		text string
	}{
		{(*service.HandlerError)(nil), 0, "nil *HandlerError"},
		{errors.Join(errors.New("outer"), &service.HandlerError{Code: 42, Text: "inner"}), 42, "outer\ninner"},
		{&service.HandlerError{Code: -5, Text: "negative"}, 0, "code -5 is negative"},
	} {
		h := start(t, c, "1")
		s.await(t, h.ID())
		s.end("", test.err)
		_, err := h.Result(t.Context())
		if got := (*service.HandlerError)(nil); !errors.As(err, &got) || got.Code != test.code || !strings.Contains(got.Text, test.text) {
			t.Errorf("%q: %v", test.text, err)
		}
		if h.State() != goal.Failed {
			t.Errorf("%q: the goal has %v", test.text, h.State())
		}
	}
}
