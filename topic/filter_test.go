package topic

import (
	"errors"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/registry"
)

func TestFilter_PanicNamesTheSubscriber(t *testing.T) {
	cause := errors.New("index out of range")
	for name, value := range map[string]any{"an error": cause, "a text": "out of range"} {
		t.Run(name, func(t *testing.T) {
			o := domain(t)
			a, b := join(t, o), join(t, o)
			publisher[string](t, a, "robot/pose", nil)
			filter := func(string) bool { panic(value) }
			named := func(during string, f func()) {
				t.Helper()
				defer func() {
					t.Helper()
					err, _ := recover().(error)
					if err == nil || !strings.Contains(err.Error(), `filter of the subscriber to ["robot/*"]`) ||
						!strings.Contains(err.Error(), "robot/pose") || !strings.HasSuffix(err.Error(), "out of range") {
						t.Errorf("%s: panic %v", during, err)
					}
					if value == any(cause) && !errors.Is(err, cause) {
						t.Errorf("%s: the cause is not in %v", during, err)
					}
				}()
				f()
			}
			named("NewSubscriber", func() { NewSubscriber(t.Context(), b, "robot/*", &SubscriberOptions[string]{Filter: filter}) })

			// The participant goes on. What its goroutine does when a publisher comes is done here, or it would end the test.
			sub := subscriber(t, b, "robot/*", &SubscriberOptions[string]{Filter: func(string) bool { return true }})
			sub.core.filter = filter
			pub := registry.Endpoint{Kind: registry.KindPublisher, ID: registry.EndpointID{Participant: a.ID(), Number: 77}, Topic: "robot/pose"}
			named("decide", func() { sub.core.decide(pub) })
			b.mu.Lock() // the panic left it unlocked
			defer b.mu.Unlock()
		})
	}
}
