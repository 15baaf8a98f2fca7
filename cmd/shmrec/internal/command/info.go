package command

import (
	"cmp"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
)

func (a *app) info() *cobra.Command {
	memory := size(mcapfile.DefaultMemory)
	bySize := false
	cmd := &cobra.Command{
		Use:   "info FILE.mcap",
		Short: "Say what is in an MCAP file",
		Long: `info reads the whole file, also several recordings one behind the other, compares every checksum and count that it has,
and says what is in it. GAPS counts the sequence numbers left out: in a recording of shmrec each is a message that was
lost, other tools may count otherwise. LATENCY is the longest time from publishing to recording, and LONGEST the longest
time without a message, by log time. When the file was not closed or is damaged the exit code is 3 and the figures
are of what can be read.

A directory is all recordings in it, the parts of one: what a part repeats of the one before counts once.

It takes no more memory than --memory, however large the messages are.`,
		Example: `  shmrec info drive.mcap
  shmrec info drive.mcap --json`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := input(args[0])
			if err != nil {
				return err
			}
			defer in.close()
			var info record.Info
			line := a.fileProgress("reading")
			err = cli.Await(cmd.Context(), func() (err error) {
				debug.SetMemoryLimit(int64(memory)) // with what is garbage
				info, err = record.ReadInfoProgress(in.path, &mcapfile.Limits{Memory: uint64(memory)}, line.show)
				return err
			})
			line.clear()
			if err != nil {
				return in.named(err)
			}
			info.Path = args[0]
			if bySize {
				slices.SortStableFunc(info.Topics, func(a, b record.TopicInfo) int { return cmp.Compare(b.Bytes, a.Bytes) })
			}
			if a.JSON {
				err = a.Document(info)
			} else {
				err = a.printInfo(&info)
			}
			if err == nil && info.Damage != "" {
				err = cli.Lossyf("%s: %s", inputName(args[0]), info.Damage)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&bySize, "by-size", false, "list the topics with the most bytes first")
	cmd.Flags().Var(&memory, "memory", "how much memory to use at most, for example 1GiB; files with many topics need more")
	return cmd
}

// duration is the text of a time that is known, and longer than nothing.
func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return text.Duration(int64(d))
}

// publishers says how many publishers a topic had, and how many of them were gone before the recording ended.
func publishers(t *record.TopicInfo) string {
	if t.PublishersGone == 0 {
		return strconv.Itoa(t.Publishers)
	}
	return fmt.Sprintf("%d (%d gone)", t.Publishers, t.PublishersGone)
}

func (a *app) printInfo(i *record.Info) error {
	var b strings.Builder
	state := "closed properly"
	switch {
	case !i.Closed:
		state = "not closed"
	case i.Damage != "":
		state = "closed, but not as it was written"
	}
	fmt.Fprintf(&b, "%s: %s, %s, written by %q", inputName(i.Path), text.Bytes(uint64(i.FileSize)), state, i.Library)
	if i.Profile != "" {
		fmt.Fprintf(&b, ", profile %q", i.Profile)
	}
	fmt.Fprintf(&b, "\nmessages: %d, %s", i.Messages, text.Bytes(i.Bytes))
	if i.Messages > 0 {
		const layout = "2006-01-02 15:04:05.000 MST"
		fmt.Fprintf(&b, ", %s from %s to %s", text.Duration(int64(i.End.Sub(i.Start))), i.Start.Format(layout), i.End.Format(layout))
	}
	b.WriteByte('\n')
	if i.Recordings > 1 {
		fmt.Fprintf(&b, "recordings: %d, one behind the other\n", i.Recordings)
	}
	for _, c := range i.Chunks {
		fmt.Fprintf(&b, "chunks: %d %s, %s, %s uncompressed\n", c.Chunks, c.Compression, text.Bytes(c.Compressed), text.Bytes(c.Uncompressed))
	}
	if i.Lost != nil {
		fmt.Fprintf(&b, "lost while recording: %d\n", *i.Lost)
	}
	if l := i.Latency; l != nil {
		fmt.Fprintf(&b, "latency of recording: %s (half of the messages at most), %s (99 %%), %s (all)\n",
			text.Duration(int64(l.P50)), text.Duration(int64(l.P99)), text.Duration(int64(l.Max)))
	}
	for _, at := range i.AttachmentList {
		fmt.Fprintf(&b, "attachment: %s, %s, %s\n", text.Name(at.Name), text.Name(at.Type), text.Bytes(at.Size))
	}
	for _, m := range i.Metadata {
		fmt.Fprintf(&b, "metadata: %s\n", text.Escape(m))
	}
	if len(i.Topics) > 0 {
		b.WriteByte('\n')
	}
	g := cli.NewGrid("TOPIC", "TYPE", "ENCODING", ">MESSAGES", ">RATE", ">LONGEST", ">LATENCY", ">SIZE", ">PUBLISHERS", ">GAPS")
	for _, t := range i.Topics {
		rate := ""
		if t.Rate > 0 {
			rate = text.Rate(t.Rate) + " Hz"
		}
		g.Add(t.Topic, t.Type, t.Encoding, strconv.FormatUint(t.Messages, 10), rate, duration(t.LargestGap), duration(t.LatencyMax), text.Bytes(t.Bytes), publishers(&t), strconv.FormatUint(t.SequenceGaps, 10))
	}
	if len(i.Topics) > 0 {
		if err := g.Print(&b); err != nil {
			return err
		}
	}
	_, err := io.WriteString(a.Stdout, b.String())
	return err
}
