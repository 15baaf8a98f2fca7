package record

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/record/control"
)

// Commands are the methods of c as commands of a control server.
func (c *PlayControl) Commands() []control.Command {
	command := func(name, arguments, about string, most int, run func(ctx context.Context, args []string) error) control.Command {
		return control.Command{
			CommandDescription: control.CommandDescription{Name: name, Arguments: arguments, About: about},
			Run: func(ctx context.Context, args []string) (any, error) {
				if len(args) > most {
					return nil, fmt.Errorf("%.100q is one argument too many; the arguments are: %s", args[most], arguments)
				}
				if err := run(ctx, args); err != nil {
					return nil, err
				}
				return c.Status(), nil
			},
		}
	}
	simple := func(do func()) func(context.Context, []string) error {
		return func(context.Context, []string) error {
			do()
			return nil
		}
	}
	return []control.Command{
		command("status", "", "Show the state of the replay.", 0, simple(func() {})),
		command("pause", "", "Stop the clock.", 0, simple(c.Pause)),
		command("resume", "", "Continue after pause or step.", 0, simple(c.Resume)),
		command("rate", "RATE|max", "Change the speed.", 1, func(_ context.Context, args []string) error {
			rate, err := ParseRate(argument(args, 0))
			if err != nil {
				return err
			}
			return c.SetRate(rate)
		}),
		command("seek", "[back|ahead] TIME", "Continue at a time, 2006-01-02T15:04:05Z or 10s since the beginning, or 10s back or ahead.", 2, func(ctx context.Context, args []string) error {
			if len(args) == 2 {
				return c.seekBy(ctx, args[0], args[1])
			}
			return c.seekText(ctx, argument(args, 0))
		}),
		command("step", "[N] [TOPIC]", "Pause and publish N messages, or up to the Nth message on TOPIC.", 2, func(ctx context.Context, args []string) error {
			return c.stepText(ctx, argument(args, 0), argument(args, 1))
		}),
		command("burst", "N", "Pause and publish N messages.", 1, func(ctx context.Context, args []string) error {
			return c.stepText(ctx, argument(args, 0), "")
		}),
		command("stop", "", "End the replay.", 0, simple(c.Stop)),
	}
}

func argument(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// ParseRate parses a speed: a number greater than 0, or max, which is +Inf.
func ParseRate(text string) (float64, error) {
	if text == "max" {
		return math.Inf(1), nil
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || !(rate > 0) || math.IsInf(rate, 0) {
		return 0, fmt.Errorf("%.100q is not a number greater than 0, nor max", text)
	}
	return rate, nil
}

func (c *PlayControl) seekBy(ctx context.Context, direction, text string) error {
	d, err := time.ParseDuration(text)
	switch {
	case direction != "back" && direction != "ahead":
		return fmt.Errorf("%.100q is neither back nor ahead", direction)
	case err != nil || d < 0:
		return fmt.Errorf("%.100q is not a duration such as 10s", text)
	case direction == "back":
		d = -d
	}
	return c.SeekBy(ctx, d)
}

func (c *PlayControl) seekText(ctx context.Context, text string) error {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return c.SeekElapsed(ctx, d)
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fmt.Errorf("%.100q is neither a time such as 2006-01-02T15:04:05Z nor 10s since the beginning", text)
	}
	return c.Seek(ctx, at)
}

func (c *PlayControl) stepText(ctx context.Context, count, topic string) error {
	n := 1
	if count != "" {
		var err error
		if n, err = strconv.Atoi(count); err != nil {
			return fmt.Errorf("%.100q is not a number of messages", count)
		}
	}
	return c.Step(ctx, n, topic)
}
