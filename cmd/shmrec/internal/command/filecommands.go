package command

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/edit"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// rewriteFlags are the flags of the commands that write a recording from others.
type rewriteFlags struct {
	out         string
	compression string
	chunk       byteCount
	memory      size
	start, end  string
	keys        []string
	o           edit.Options
}

// add adds the flags that all of these commands have.
func (fl *rewriteFlags) add(cmd *cobra.Command) *pflag.FlagSet {
	fl.memory = mcapfile.DefaultMemory
	f := cmd.Flags()
	f.StringVarP(&fl.out, "output", "o", "", "the file to write, which must not exist; - is standard output")
	f.StringVar(&fl.compression, "compression", string(mcapfile.Zstd), "compression of the new file: zstd, lz4 or none")
	f.IntVar(&fl.o.Level, "level", 0, "level of the compression, 1 is the fastest")
	f.Var(&fl.chunk, "chunk-size", "how much a chunk holds before compression, for example 4MiB (default 1MiB)")
	f.Var(&fl.memory, "memory", "how much memory to use, for example 1GiB")
	_ = cmd.MarkFlagFilename("output", "mcap") // fails only for a flag that does not exist
	return f
}

// addTimes adds the flags that choose a time.
func (fl *rewriteFlags) addTimes(f *pflag.FlagSet) {
	f.StringVar(&fl.start, "start", "", "begin with messages that were recorded then")
	f.StringVar(&fl.end, "end", "", "end before messages that were recorded then")
	f.BoolVar(&fl.o.NoLatched, "no-latched", false, "leave out the newest earlier messages of latched topics")
	f.StringArrayVar(&fl.keys, "key", nil, keyUsage("keep the newest earlier message of each key of a latched topic"))
}

// check parses what the flags say.
func (fl *rewriteFlags) check(cmd *cobra.Command) (err error) {
	if fl.out == "" {
		return cli.Usagef(cmd, "where to? Name the new file with -o FILE.mcap")
	}
	o := &fl.o
	o.Compression, o.ChunkSize, o.Memory = mcapfile.Compression(fl.compression), int(fl.chunk), uint64(fl.memory)
	if err := (&mcapfile.RewriterOptions{Compression: o.Compression, Level: o.Level}).Check(); err != nil {
		return cli.Usage(cmd, err)
	}
	if o.Start, o.StartElapsed, err = parseMoment(fl.start); err != nil {
		return cli.Usagef(cmd, "--start %w", err)
	}
	if o.End, o.EndElapsed, err = parseMoment(fl.end); err != nil {
		return cli.Usagef(cmd, "--end %w", err)
	}
	if o.Key, err = parseKeys(fl.keys); err != nil {
		return cli.Usage(cmd, err)
	}
	if fl.start == "" && (o.NoLatched || len(fl.keys) > 0) {
		return cli.Usagef(cmd, "--no-latched and --key are for messages from before the --start; give one")
	}
	if fl.end != "" && o.End.IsZero() && o.EndElapsed == 0 {
		return cli.Usagef(cmd, "--end %s leaves nothing", fl.end)
	}
	return nil
}

// A rewrite is what a command wrote, as JSON.
type rewrite struct {
	Path string `json:"path"`
	edit.Result
	Damage string `json:"damage,omitempty"`
}

// rewrite writes the new file and says what is in it.
func (a *app) rewrite(cmd *cobra.Command, from []edit.Source, fl *rewriteFlags) (err error) {
	if err := fl.check(cmd); err != nil {
		return err
	}
	stdin := 0
	for i := range from {
		if from[i].Path == standard {
			stdin++
		}
		if stdin > 1 {
			return cli.Usage(cmd, errTwice)
		}
		in, failed := input(from[i].Path)
		if failed != nil {
			return failed
		}
		defer in.close()
		defer func() { err = in.named(err) }()
		from[i].Path = in.path
	}
	toStdout := fl.out == "-"
	if toStdout && a.Screen != nil {
		return errors.New("write to standard output: it is a terminal; name a file, or have a program read it")
	}
	debug.SetMemoryLimit(int64(fl.memory)) // with what is garbage
	line := a.fileProgress("writing")
	fl.o.Progress = line.show
	var res edit.Result
	err = cli.Await(cmd.Context(), func() (err error) {
		if toStdout {
			res, err = edit.RewriteTo(cmd.Context(), a.Stdout, from, &fl.o)
		} else {
			res, err = edit.Rewrite(cmd.Context(), fl.out, from, &fl.o)
		}
		return err
	})
	line.clear()
	if err != nil {
		return err
	}
	if toStdout {
		a.Stdout = a.Stderr // what is said of the recording is not part of it
	}
	for _, name := range res.Missing {
		fmt.Fprintf(a.Stderr, "no topic %.300q is in the recording\n", name)
	}
	if err := a.printRewrite(&rewrite{Path: fl.out, Result: res}); err != nil || res.Damage == nil {
		return err
	}
	return cli.Lossyf("not everything could be read: %v", res.Damage)
}

func (a *app) printRewrite(r *rewrite) error {
	if r.Result.Damage != nil {
		r.Damage = r.Result.Damage.Error()
	}
	if a.JSON {
		return a.Document(r)
	}
	s := fmt.Sprintf("wrote %s, %s on %s: %s, %s\n",
		text.Many(r.Messages, "message"), text.Bytes(r.Bytes), text.Many(r.Topics, "topic"), outputName(r.Path), text.Bytes(uint64(r.FileSize)))
	if r.Latched > 0 {
		s += fmt.Sprintf("%s of latched topics from before the start\n", text.Many(r.Latched, "message"))
	}
	if r.Repeated > 0 {
		s += fmt.Sprintf("left out %s that parts repeat\n", text.Many(r.Repeated, "message"))
	}
	if r.LeftOut > 0 {
		s += fmt.Sprintf("left out %s: schemas without a channel, and records for applications\n", text.Many(r.LeftOut, "record"))
	}
	if r.Attachments+r.Metadata > 0 {
		s += fmt.Sprintf("%s, %s\n", text.Many(r.Attachments, "attachment"), text.Many(r.Metadata, "metadata record"))
	}
	_, err := io.WriteString(a.Stdout, s)
	return err
}

// A fileProgress is a progress line of a command that reads files.
type fileProgress struct {
	line  *progressLine
	next  time.Time
	share float64 // that is done
}

func (a *app) fileProgress(what string) *fileProgress {
	p := new(fileProgress)
	p.line = a.progress(func(record.Progress) string { return fmt.Sprintf("%s: %.0f %%", what, 100*p.share) })
	return p
}

// show takes the share that is done, often.
func (p *fileProgress) show(share float64) {
	if p.line.screen == nil {
		return
	}
	if now := time.Now(); now.After(p.next) {
		p.next, p.share = now.Add(200*time.Millisecond), share
		p.line.show(record.Progress{})
	}
}

func (p *fileProgress) clear() { p.line.clear() }
