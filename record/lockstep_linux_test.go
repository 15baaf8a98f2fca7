package record

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// numbered writes a recording with n messages on the topic in.
func numbered(t *testing.T, n int) string {
	t.Helper()
	ch := &mcapfile.Channel{Topic: "in"}
	var lines []line
	for i := range n {
		lines = append(lines, line{ch, uint64(i), fmt.Sprint(i)})
	}
	return fileOf(t, lines, nil)
}

// A message is published only after all answers to the one before. What the node published before its first input is no answer, and does
// not make the node wait for the player.
func TestPlay_LockStepCountsAnswers(t *testing.T) {
	const n, early = 200, 3000
	path := numbered(t, n)
	for _, answers := range []int{1, 3} {
		t.Run(fmt.Sprint(answers), func(t *testing.T) {
			d := domain(t)
			node := join(t, d)
			out := publisher[[]byte](t, node, "out", nil)
			done := make(chan bool)
			go func() {
				defer close(done)
				if err := out.WaitSubscribers(t.Context(), 1); err != nil {
					t.Error(err)
					return
				}
				for range early {
					out.Publish(t.Context(), nil)
				}
				in, err := topic.NewSubscriber[[]byte](t.Context(), node, "in", nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer in.Close()
				answered := topic.Stamp(0)
				for i := range n {
					s, err := in.Receive(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					if s.Stamp() < answered {
						t.Errorf("message %d was published before the last answer to the one before", i)
					}
					s.Release()
					for range answers {
						out.Publish(t.Context(), nil)
					}
					answered = out.Stats().LastStamp
				}
			}()
			s, err := Play(t.Context(), join(t, d), path, &PlayOptions{Max: true, LockStep: &LockStep{Answer: "out", Answers: answers}, WaitSubscribers: 1})
			<-done
			if err != nil || s.Messages != n || out.Stats().Waited > 0 {
				t.Errorf("%d played, %+v, %v", s.Messages, out.Stats(), err)
			}
		})
	}
}

// A consumer that is gone makes an error, also beside another subscription, and so does one that was never there.
func TestPlay_LockStepWithoutItsConsumer(t *testing.T) {
	const taken = 5
	path := numbered(t, 100)
	for name, c := range map[string]struct {
		others int
		answer string
		want   string
	}{
		"alone":    {0, "", "had at least 1 subscriptions and has 0 after 5 messages: a consumer is gone"},
		"beside":   {1, "", "had at least 2 subscriptions and has 1 after 5 messages: a consumer is gone"},
		"answered": {0, "out", "had at least 1 subscriptions and has 0 after 5 messages: a consumer is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			d := domain(t)
			answered := make(chan bool, 100)
			takes := func(p *topic.Participant) *topic.Subscriber[[]byte] {
				out := publisher[[]byte](t, p, "out", nil)
				in, err := topic.NewSubscriber[[]byte](t.Context(), p, "in", nil)
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					for _, err := range in.Samples(t.Context()) { // until it is closed
						if err == nil {
							out.Publish(t.Context(), nil)
							answered <- true
						}
					}
				}()
				return in
			}
			for range c.others {
				defer takes(join(t, d)).Close()
			}
			node := takes(join(t, d))
			control, played := new(PlayControl), make(chan Summary)
			control.Pause()
			player := join(t, d)
			go func() {
				s, err := Play(t.Context(), player, path, &PlayOptions{LockStep: &LockStep{Answer: c.answer}, WaitSubscribers: 1 + c.others, Control: control})
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v", err)
				}
				played <- s
			}()
			must(t, control.Step(t.Context(), taken, ""))
			for range taken * (1 + c.others) {
				<-answered
			}
			node.Close()
			control.Resume()
			if s := <-played; s.Messages != taken {
				t.Errorf("%d messages are played", s.Messages)
			}
		})
	}
	for _, answer := range []string{"", "out"} {
		s, err := Play(t.Context(), join(t, domain(t)), path, &PlayOptions{Max: true, LockStep: &LockStep{Answer: answer}})
		if err == nil || !strings.Contains(err.Error(), "no topic that is played has a subscription") || s.Messages != 0 {
			t.Errorf("without a consumer: %d played, %v", s.Messages, err)
		}
	}
}
