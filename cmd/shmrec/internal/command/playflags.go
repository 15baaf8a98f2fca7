package command

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
)

// playFlags are the flags of play as they are given.
type playFlags struct {
	o                                             record.PlayOptions
	memory                                        size
	rate, topics, exclude, latched                string
	start, end, order, late, lockStep, lockTopics string
	services                                      string
	renames, offsets, keys                        []string
	lockTimeout                                   time.Duration
	answers                                       int
	lock, paused, verify                          bool
}

// Values of --services.
const (
	servicesNone     = "none"
	servicesRequests = "requests"
)

func (f *playFlags) define(cmd *cobra.Command) {
	s, o := cmd.Flags(), &f.o
	s.StringVar(&f.rate, "rate", "1", "speed: 1 as recorded, 2 twice as fast, max as fast as possible")
	s.BoolVar(&o.Loop, "loop", false, "play again and again, until Ctrl-C")
	s.DurationVar(&o.Delay, "delay", 0, "wait this long before the first message")
	s.DurationVar(&o.MaxGap, "max-gap", 0, "play longer times without a message as this one, for example 10s (default as recorded)")
	s.StringVar(&f.start, "start", "", "begin at this time")
	s.StringVar(&f.end, "end", "", "end before this time")
	s.DurationVar(&o.Duration, "duration", 0, "end after this much of the recording")
	s.BoolVar(&f.paused, "paused", false, "begin paused")
	s.StringVar(&f.topics, "topics", "", "play only topics that match this expression")
	s.StringVar(&f.exclude, "exclude", "", "play no topics that match this expression")
	s.StringVar(&f.services, "services", servicesNone, "what to do with recorded calls and goals: none, or requests to send their requests again")
	s.DurationVar(&o.CallTimeout, "call-timeout", 10*time.Second, "how long to wait for a busy server, and for answers after the last message")
	s.StringArrayVar(&f.renames, "rename", nil, "play a topic under another name: OLD=NEW; may be given several times")
	s.StringVar(&o.Prefix, "prefix", "", "put this before the names of topics that are not renamed, for example replay/")
	s.StringVar(&f.latched, "latched", "", "latch topics that match this expression, besides those that were latched")
	s.StringArrayVar(&f.keys, "key", nil, keyUsage("play a topic with keys"))
	s.StringArrayVar(&f.offsets, "offset", nil, "add a duration to the times of a file: FILE=DURATION, not for the first file; may be given several times")
	s.StringVar(&f.order, "order", "log", "order of the messages: log, by the time of recording, or publish")
	s.StringVar(&f.late, "late", "publish", "what becomes of messages that are late: publish, skip, or slow to delay all later ones as well")
	s.DurationVar(&o.LateAfter, "late-after", 10*time.Millisecond, "how late a message may be before skip or slow apply")
	s.DurationVar(&o.Spin, "spin", 0, "wait busily for this long before each message, for precision, for example 60us; at most 1ms")
	s.IntVar(&o.WaitSubscribers, "wait-subscribers", 0, "wait until every topic has so many subscriptions")
	s.DurationVar(&o.WaitTimeout, "wait-timeout", 0, "give up waiting for them after this long (default never)")
	s.BoolVar(&o.WaitTaken, "wait-taken", false, "end when all subscriptions have taken everything")
	s.BoolVar(&f.lock, "lock-step", false, "hold after each message until all its subscriptions have taken it")
	s.StringVar(&f.lockStep, "answer", "", "with --lock-step, hold until a message on this topic answers instead")
	s.IntVar(&f.answers, "answers", 1, "with --answer, how many messages answer one")
	s.StringVar(&f.lockTopics, "lock-topics", "", "with --lock-step, hold only after messages on topics that match this expression")
	s.DurationVar(&f.lockTimeout, "lock-timeout", 10*time.Second, "with --lock-step, the longest wait for one message")
	s.BoolVar(&o.OriginalStamps, "original-stamps", false, "publish with the recorded publish times as stamps")
	s.StringVar(&o.Clock, "clock", "", "publish the time of the recording on this topic")
	s.DurationVar(&o.ClockInterval, "clock-interval", 25*time.Millisecond, "time between two messages of --clock while nothing else is published")
	s.BoolVar(&f.verify, "verify", false, "play into a domain of its own, record that and compare it with the file")
	s.Var(&f.memory, "memory", "how much memory to use at most to read a file; what needs more, as a message of more than half does, is left out (default 256MiB, and a file that needs more is refused)")
}

func (f *playFlags) parse(cmd *cobra.Command, args []string) (err error) {
	o := &f.o
	if o.Rate, err = record.ParseRate(f.rate); err != nil {
		return cli.Usagef(cmd, "--rate %w", err)
	}
	if o.Max = math.IsInf(o.Rate, 1); o.Max {
		o.Rate = 1
	}
	if o.WaitSubscribers < 0 || o.WaitTimeout < 0 || o.MaxGap < 0 || o.Delay < 0 || o.Duration < 0 || o.LateAfter < 0 || o.ClockInterval < 0 || o.CallTimeout < 0 || f.lockTimeout < 0 {
		return cli.Usagef(cmd, "numbers and durations must not be negative")
	}
	for name, e := range map[string]struct {
		text string
		to   **regexp.Regexp
	}{"topics": {f.topics, &o.Topics}, "exclude": {f.exclude, &o.Exclude}, "latched": {f.latched, &o.Latched}} {
		if *e.to, err = expression(cmd, name, e.text); err != nil {
			return err
		}
	}
	if o.Start, o.StartElapsed, err = parseMoment(f.start); err != nil {
		return cli.Usagef(cmd, "--start %w", err)
	}
	if o.End, o.EndElapsed, err = parseMoment(f.end); err != nil {
		return cli.Usagef(cmd, "--end %w", err)
	}
	if f.end != "" && o.End.IsZero() && o.EndElapsed == 0 {
		return cli.Usagef(cmd, "--end %s leaves nothing to play", f.end)
	}
	if o.Rename, err = parseRenames(f.renames); err != nil {
		return cli.Usage(cmd, err)
	}
	if o.Files, err = parseOffsets(args, f.offsets); err != nil {
		return cli.Usage(cmd, err)
	}
	if o.Key, err = parseKeys(f.keys); err != nil {
		return cli.Usage(cmd, err)
	}
	orders := map[string]record.Order{"log": record.ByLogTime, "publish": record.ByPublishTime}
	policies := map[string]record.LatePolicy{"publish": record.LatePublish, "skip": record.LateSkip, "slow": record.LateSlow}
	o.Requests = f.services == servicesRequests
	var known, isPolicy bool
	o.Order, known = orders[f.order]
	o.Late, isPolicy = policies[f.late]
	switch {
	case !known:
		return cli.Usagef(cmd, "--order %.100q is neither log nor publish", f.order)
	case !isPolicy:
		return cli.Usagef(cmd, "--late %.100q is not publish, skip or slow", f.late)
	case f.services != servicesNone && !o.Requests:
		return cli.Usagef(cmd, "--services %.100q is neither none nor requests", f.services)
	case !f.lock && (f.lockStep != "" || f.lockTopics != ""):
		return cli.Usagef(cmd, "--answer and --lock-topics need --lock-step")
	case f.answers < 1 || f.answers > 1 && f.lockStep == "":
		return cli.Usagef(cmd, "--answers is a number of messages on the topic of --answer, at least 1")
	}
	if f.lock {
		o.LockStep = &record.LockStep{Answer: f.lockStep, Answers: f.answers, Timeout: f.lockTimeout}
		if o.LockStep.Topics, err = expression(cmd, "lock-topics", f.lockTopics); err != nil {
			return err
		}
	}
	o.Memory = uint64(f.memory)
	debug.SetMemoryLimit(int64(cmp.Or(f.memory, mcapfile.DefaultMemory))) // with what is garbage
	return nil
}

// parseOffsets returns the files after the first one, with their offsets.
func parseOffsets(paths, offsets []string) (files []record.PlayFile, err error) {
	for _, path := range paths[1:] {
		files = append(files, record.PlayFile{Path: path})
	}
	for _, text := range offsets {
		i := strings.LastIndexByte(text, '=')
		if i < 0 {
			return nil, fmt.Errorf("--offset %.100q is not FILE=DURATION", text)
		}
		d, err := time.ParseDuration(text[i+1:])
		if err != nil {
			return nil, fmt.Errorf("--offset %.100q: %w", text, err)
		}
		k := slices.IndexFunc(files, func(f record.PlayFile) bool { return f.Path == text[:i] })
		if k < 0 {
			return nil, fmt.Errorf("--offset %.100q names none of the files after the first one", text)
		}
		if files[k].Offset != 0 {
			return nil, fmt.Errorf("--offset %.100q: the file has one already", text)
		}
		files[k].Offset = d
	}
	return files, nil
}

// keyUsage describes a flag --key.
func keyUsage(what string) string {
	return "TOPIC=FIELD: " + what + "; the key is in a field of its messages; may be given several times"
}

// parseKeys returns the function for topics with keys, nil if there are none. The key of a message is the JSON of its field.
func parseKeys(keys []string) (func(string, serde.Type) func([]byte) string, error) {
	fields := make(map[string]text.Path)
	for _, k := range keys {
		i := strings.LastIndexByte(k, '=')
		if i < 0 {
			return nil, fmt.Errorf("--key %.100q is not TOPIC=FIELD", k)
		}
		p, err := text.ParsePath(k[i+1:])
		if err != nil {
			return nil, fmt.Errorf("--key %.100q: %w", k, err)
		}
		fields[k[:i]] = p
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return func(topic string, kind serde.Type) func([]byte) string {
		p, ok := fields[topic]
		if !ok {
			return nil
		}
		converter := new(dynamic.Converter)
		return func(payload []byte) string {
			js, err := converter.ToJSON(kind, payload)
			if err != nil {
				return "" // all that cannot be decoded share a key
			}
			part, err := p.Find(js)
			if err != nil {
				return ""
			}
			return string(part)
		}
	}, nil
}

// parseRenames splits OLD=NEW at the last '=': a name of another system may hold one, and the new name need not.
func parseRenames(renames []string) (map[string]string, error) {
	m := make(map[string]string)
	for _, r := range renames {
		i := strings.LastIndexByte(r, '=')
		if i < 0 {
			return nil, fmt.Errorf("--rename %q is not OLD=NEW", r)
		}
		from, to := r[:i], r[i+1:]
		if err := registry.CheckTopic(to); err != nil {
			return nil, fmt.Errorf("--rename %q: %w", r, err)
		}
		if _, twice := m[from]; twice {
			return nil, fmt.Errorf("--rename names the topic %q twice", from)
		}
		m[from] = to
	}
	return m, nil
}
