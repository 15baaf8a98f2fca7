package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// move sends the goal, shows its progress, and cancels it when interrupted ends.
func move(interrupted context.Context, p *topic.Participant, angle float64, stdout io.Writer, bar *bar) error {
	ctx := context.WithoutCancel(interrupted)
	targets, progress, err := codecs()
	if err != nil {
		return err
	}
	client, err := goal.NewClient(interrupted, p, name, &goal.ClientOptions[Target, Progress, Progress]{GoalCodec: targets, FeedbackCodec: progress, ResultCodec: progress})
	if err != nil {
		return err
	}
	defer client.Close()
	h, err := client.Start(interrupted, Target{angle})
	if err != nil {
		return err
	}
	defer context.AfterFunc(interrupted, func() { _ = h.Cancel(ctx) })() // refused: it has ended, as Result says
	for v, err := range h.Feedback(ctx) {
		if err != nil {
			return err
		}
		bar.show(v.Done, fmt.Sprintf("%6.1f°", v.Angle))
	}
	bar.clear()
	result, err := h.Result(ctx)
	if err == nil || errors.Is(err, goal.ErrCancelled) {
		fmt.Fprintf(stdout, "%v: the arm is at %.1f degrees\n", h.State(), result.Angle)
	}
	return err
}

// A bar shows progress in one line of a terminal, and nothing elsewhere.
type bar struct {
	w        io.Writer
	terminal bool
}

const barWidth = 50

func newBar(f *os.File) *bar {
	info, err := f.Stat()
	return &bar{f, err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"}
}

func (b *bar) show(done float64, text string) {
	if b.terminal {
		n := min(max(int(done*barWidth), 0), barWidth)
		fmt.Fprintf(b.w, "\r[%s%s] %3.0f %% %s", strings.Repeat("#", n), strings.Repeat(".", barWidth-n), 100*done, text)
	}
}

func (b *bar) clear() {
	if b.terminal {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
