package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/record"
)

func (a *app) info() *cobra.Command {
	return &cobra.Command{
		Use:   "info FILE.mcap",
		Short: "Say what is in an MCAP file",
		Long: `info reads the whole file, checks the CRC of every chunk, and says what is in it. GAPS counts the sequence numbers left
out: in a recording of shmrec each is a message that was lost, other tools may count otherwise. When the file was not
closed or is damaged the exit code is 3 and the figures are of what can be read.`,
		Example: `  shmrec info drive.mcap
  shmrec info drive.mcap --json`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			var info record.Info
			err := cli.Await(cmd.Context(), func() (err error) {
				info, err = record.ReadInfo(args[0])
				return err
			})
			if err != nil {
				return err
			}
			if a.JSON {
				err = a.Document(info)
			} else {
				err = a.printInfo(&info)
			}
			if err == nil && info.Damage != "" {
				err = cli.Lossyf("%s: %s", args[0], info.Damage)
			}
			return err
		},
	}
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
	if !i.Closed {
		state = "not closed"
	}
	fmt.Fprintf(&b, "%s: %s, %s, written by %q", text.Escape(i.Path), text.Bytes(uint64(i.FileSize)), state, i.Library)
	if i.Profile != "" {
		fmt.Fprintf(&b, ", profile %q", i.Profile)
	}
	fmt.Fprintf(&b, "\nmessages: %d, %s", i.Messages, text.Bytes(i.Bytes))
	if i.Messages > 0 {
		const layout = "2006-01-02 15:04:05.000 MST"
		fmt.Fprintf(&b, ", %s from %s to %s", text.Duration(int64(i.End.Sub(i.Start))), i.Start.Format(layout), i.End.Format(layout))
	}
	b.WriteByte('\n')
	for _, c := range i.Chunks {
		fmt.Fprintf(&b, "chunks: %d %s, %s, %s uncompressed\n", c.Chunks, c.Compression, text.Bytes(c.Compressed), text.Bytes(c.Uncompressed))
	}
	if i.Lost != nil {
		fmt.Fprintf(&b, "lost while recording: %d\n", *i.Lost)
	}
	if i.Attachments > 0 {
		fmt.Fprintf(&b, "attachments: %d\n", i.Attachments)
	}
	for _, m := range i.Metadata {
		fmt.Fprintf(&b, "metadata: %s\n", text.Escape(m))
	}
	if len(i.Topics) > 0 {
		b.WriteByte('\n')
	}
	g := cli.NewGrid("TOPIC", "TYPE", "ENCODING", ">MESSAGES", ">RATE", ">SIZE", ">PUBLISHERS", ">GAPS")
	for _, t := range i.Topics {
		rate := ""
		if t.Rate > 0 {
			rate = text.Rate(t.Rate) + " Hz"
		}
		g.Add(t.Topic, t.Type, t.Encoding, strconv.FormatUint(t.Messages, 10), rate, text.Bytes(t.Bytes), publishers(&t), strconv.FormatUint(t.SequenceGaps, 10))
	}
	if len(i.Topics) > 0 {
		if err := g.Print(&b); err != nil {
			return err
		}
	}
	_, err := io.WriteString(a.Stdout, b.String())
	return err
}
