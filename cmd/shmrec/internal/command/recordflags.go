package command

import (
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// recordFlags are the flags of the command record as they are given.
type recordFlags struct {
	out                                              string
	include, exclude, types, excludeTypes, triggerOn string
	compression, overflow                            string
	maxRates, everies, onChanges, metadata, attached []string
	chunkSize, cache, split, keep, minFree, before   byteCount
	keys                                             []string
	trigger, status                                  bool
	o                                                record.RecordOptions
	t                                                record.TriggerOptions
}

func (fl *recordFlags) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&fl.out, "output", "o", "", "the file to write, or a pipe that a program reads; - is standard output")
	f.StringArrayVar(&fl.o.Topics, "topic", nil, "record this topic, or service; may be repeated")
	f.StringVar(&fl.include, "include", "", "record topics that match this expression")
	f.StringVar(&fl.exclude, "exclude", "", "record no topics that match this expression")
	f.StringVar(&fl.types, "type", "", "record only types that match this expression")
	f.StringVar(&fl.excludeTypes, "exclude-type", "", "record no types that match this expression")
	f.BoolVar(&fl.o.NoServices, "no-services", false, "record no calls of services and no goals")
	f.DurationVar(&fl.o.Duration, "duration", 0, "end after this long, for example 90s")
	f.BoolVar(&fl.o.Lossless, "lossless", false, "make publishers wait for the recorder rather than lose messages")
	f.BoolVar(&fl.o.Force, "force", false, "replace the file if it exists")
	f.BoolVar(&fl.o.Paused, "paused", false, "begin with a pause; SIGUSR2 ends it")
	f.BoolVar(&fl.status, "status", false, "print the state once a second, with --json as a line of JSON")

	f.StringVar(&fl.compression, "compression", "zstd", "zstd, lz4 or none")
	f.IntVar(&fl.o.Level, "level", 0, "level of the compression, from 1 (fastest, default) to 22 (zstd) or 10 (lz4)")
	f.Var(&fl.chunkSize, "chunk-size", "write a chunk when it has this size before compression (default 1MiB)")
	f.DurationVar(&fl.o.ChunkAge, "chunk-age", 0, "write a chunk this long after its first message (default 500ms)")
	f.DurationVar(&fl.o.SyncInterval, "sync", 0, "force the file to the disk this often (default only at the end)")
	f.Var(&fl.cache, "cache", "memory for messages that wait to be written (default 64MiB)")
	f.StringVar(&fl.overflow, "overflow", "wait", "when the cache is full: wait (publishers overwrite), or drop the newest or oldest")

	f.BoolVar(&fl.o.Numbered, "numbered", false, "write numbered parts")
	f.Var(&fl.split, "split-size", "begin a new part at this size")
	f.DurationVar(&fl.o.SplitDuration, "split-duration", 0, "begin a new part after this long")
	f.StringArrayVar(&fl.keys, "key", nil, keyUsage("a latched topic has keys, of each of which parts repeat the newest message"))
	f.Var(&fl.keep, "keep-size", "delete the oldest parts beyond this size of all")
	f.DurationVar(&fl.o.KeepDuration, "keep-duration", 0, "delete parts that ended longer ago")
	f.Var(&fl.minFree, "min-free", "end when the disk has less free space")
	f.BoolVar(&fl.o.DeleteOldest, "delete-oldest", false, "with --min-free: delete the oldest parts first")

	f.BoolVar(&fl.trigger, "trigger", false, "write only what is around a trigger")
	f.StringVar(&fl.triggerOn, "trigger-topic", "", "messages on topics that match this expression are triggers")
	f.DurationVar(&fl.t.Before, "before", 0, "how long before a trigger (default 10s)")
	f.DurationVar(&fl.t.After, "after", 0, "how long after a trigger (default 0s)")
	f.Var(&fl.before, "before-size", "memory for the time before a trigger (default 256MiB)")

	f.StringArrayVar(&fl.maxRates, "max-rate", nil, "RE=HZ: record topics that match RE at most so often; may be repeated")
	f.StringArrayVar(&fl.everies, "every", nil, "RE=N: record only every Nth message of topics that match RE")
	f.StringArrayVar(&fl.onChanges, "on-change", nil, "RE: record only changed messages of topics that match RE")
	f.StringArrayVar(&fl.metadata, "meta", nil, "KEY=VALUE to put into the file; may be repeated")
	f.StringArrayVar(&fl.attached, "attach", nil, "a file to put into the file; may be repeated")
	_ = cmd.MarkFlagFilename("output", "mcap") // fails only for a flag that does not exist
	_ = cmd.RegisterFlagCompletionFunc("compression", cobra.FixedCompletions([]string{"zstd", "lz4", "none"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("overflow", cobra.FixedCompletions([]string{"wait", "newest", "oldest"}, cobra.ShellCompDirectiveNoFileComp))
}

// options checks the flags.
func (fl *recordFlags) options(cmd *cobra.Command) (record.RecordOptions, error) {
	o := fl.o
	if fl.out == "" {
		return o, cli.Usagef(cmd, "where to? Name the file with -o FILE.mcap")
	}
	for _, d := range []time.Duration{o.Duration, o.SyncInterval, o.ChunkAge, o.SplitDuration, o.KeepDuration, fl.t.Before, fl.t.After} {
		if d < 0 {
			return o, cli.Usagef(cmd, "a duration must not be negative")
		}
	}
	var err error
	for _, e := range []struct {
		flag, text string
		re         **regexp.Regexp
	}{
		{"include", fl.include, &o.Include}, {"exclude", fl.exclude, &o.Exclude}, {"type", fl.types, &o.IncludeTypes},
		{"exclude-type", fl.excludeTypes, &o.ExcludeTypes}, {"trigger-topic", fl.triggerOn, &fl.t.Topics},
	} {
		if *e.re, err = expression(cmd, e.flag, e.text); err != nil {
			return o, err
		}
	}
	o.Compression, o.Overflow = mcapfile.Compression(fl.compression), mcapfile.Overflow(fl.overflow)
	o.ChunkSize, o.Cache = int(fl.chunkSize), int64(fl.cache)
	o.SplitSize, o.KeepSize, o.MinFree = int64(fl.split), int64(fl.keep), int64(fl.minFree)
	if fl.trigger || fl.t.Topics != nil {
		fl.t.Bytes = int64(fl.before)
		o.Trigger = &fl.t
	} else if fl.t.Before > 0 || fl.t.After > 0 || fl.before > 0 {
		return o, cli.Usagef(cmd, "--before, --after and --before-size need --trigger or --trigger-topic")
	}
	if o.DeleteOldest && o.MinFree == 0 {
		return o, cli.Usagef(cmd, "--delete-oldest needs --min-free")
	}
	if o.Key, err = parseKeys(fl.keys); err != nil {
		return o, cli.Usage(cmd, err)
	}
	if o.Throttles, err = fl.throttles(cmd); err != nil {
		return o, err
	}
	if o.Metadata, err = fl.userMetadata(cmd); err != nil {
		return o, err
	}
	if err := o.Check(); err != nil {
		return o, cli.Usage(cmd, err)
	}
	o.Attachments, err = fl.attachments()
	return o, err
}

// throttles combines the conditions for the same expression.
func (fl *recordFlags) throttles(cmd *cobra.Command) (all []record.Throttle, err error) {
	at := make(map[string]int)
	add := func(flag, text string) (*record.Throttle, error) {
		if i, ok := at[text]; ok {
			return &all[i], nil
		}
		re, err := expression(cmd, flag, text)
		if err != nil {
			return nil, err
		}
		at[text] = len(all)
		all = append(all, record.Throttle{Topics: re})
		return &all[len(all)-1], nil
	}
	for _, arg := range fl.maxRates {
		re, number := cutLast(arg)
		rate, err := strconv.ParseFloat(number, 64)
		if err != nil || !(rate > 0) {
			return nil, cli.Usagef(cmd, "--max-rate %q is not RE=HZ with a rate greater than 0", arg)
		}
		t, err := add("max-rate", re)
		if err != nil {
			return nil, err
		}
		t.MaxRate = rate
	}
	for _, arg := range fl.everies {
		re, number := cutLast(arg)
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return nil, cli.Usagef(cmd, "--every %q is not RE=N with a number of at least 1", arg)
		}
		t, err := add("every", re)
		if err != nil {
			return nil, err
		}
		t.Every = n
	}
	for _, re := range fl.onChanges {
		t, err := add("on-change", re)
		if err != nil {
			return nil, err
		}
		t.OnChange = true
	}
	return all, nil
}

// cutLast cuts at the last '=', which an expression may contain too.
func cutLast(arg string) (before, after string) {
	i := strings.LastIndexByte(arg, '=')
	if i < 0 {
		return "", arg + "?"
	}
	return arg[:i], arg[i+1:]
}

func (fl *recordFlags) userMetadata(cmd *cobra.Command) (map[string]string, error) {
	all := make(map[string]string)
	for _, arg := range fl.metadata {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || key == "" {
			return nil, cli.Usagef(cmd, "--meta %q is not KEY=VALUE", arg)
		}
		all[key] = value
	}
	return all, nil
}

// mostAttached is the largest size of all attached files, which stay in memory.
const mostAttached = 64 << 20

func (fl *recordFlags) attachments() (all []mcapfile.Attachment, err error) {
	left := int64(mostAttached)
	for _, path := range fl.attached {
		a, err := readAttachment(path, left)
		if err != nil {
			return nil, fmt.Errorf("--attach: %w", err)
		}
		left -= int64(len(a.Data))
		all = append(all, a)
	}
	return all, nil
}

// readAttachment reads a file of at most so many bytes.
func readAttachment(path string, most int64) (a mcapfile.Attachment, err error) {
	info, err := os.Stat(path) // opening a pipe would wait for a writer
	if err != nil {
		return a, err
	}
	if !info.Mode().IsRegular() {
		return a, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return a, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return a, err
	}
	if int64(len(data)) > most {
		return a, fmt.Errorf("%s is too large: all attached files must have at most %d MiB together", path, mostAttached>>20)
	}
	return mcapfile.Attachment{
		Name: filepath.Base(path), MediaType: mime.TypeByExtension(filepath.Ext(path)), Created: info.ModTime(), Data: data,
	}, nil
}
