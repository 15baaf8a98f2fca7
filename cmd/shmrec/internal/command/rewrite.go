package command

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/record/edit"
)

// rewriteNotes are in the help of each command that writes a recording from others.
const rewriteNotes = `

Payloads, times, sequence numbers, schemas, channel metadata, attachments and metadata records stay as they are. A file is
never replaced, and has the ending .unfinished until it is complete. What cannot be read is left out; then the exit code
is 3. It takes no more memory than --memory; messages of more than an eighth of that are left out.`

func (a *app) filter() *cobra.Command {
	var fl rewriteFlags
	var include, exclude, types string
	cmd := &cobra.Command{
		Use:   "filter FILE.mcap -o NEW.mcap",
		Short: "Write some topics of an MCAP file to a new one",
		Long: `filter writes a new file with some topics of another, from any tool. Expressions are Go regular expressions (RE2), not
anchored; a topic must fit all that is given.` + rewriteNotes,
		Example: `  shmrec filter drive.mcap -o arm.mcap --include '^arm/' --exclude debug
  shmrec filter drive.mcap -o poses.mcap --type '(^|[./])Pose$'
  shmrec filter drive.mcap -o two.mcap --topic odom --topic scan --start 10s`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if fl.o.Topics, err = expression(cmd, "include", include); err != nil {
				return err
			}
			if fl.o.Exclude, err = expression(cmd, "exclude", exclude); err != nil {
				return err
			}
			if fl.o.Types, err = expression(cmd, "type", types); err != nil {
				return err
			}
			return a.rewrite(cmd, []edit.Source{{Path: args[0]}}, &fl)
		},
	}
	f := fl.add(cmd)
	f.StringArrayVar(&fl.o.List, "topic", nil, "keep this topic; may be given several times")
	f.StringVar(&include, "include", "", "keep only topics that match this expression")
	f.StringVar(&exclude, "exclude", "", "keep no topics that match this expression")
	f.StringVar(&types, "type", "", "keep only topics of types that match this expression")
	fl.addTimes(f)
	return cmd
}

func (a *app) cut() *cobra.Command {
	var fl rewriteFlags
	cmd := &cobra.Command{
		Use:   "cut FILE.mcap -o NEW.mcap",
		Short: "Write a time of an MCAP file to a new one",
		Long: `cut writes a new file with the messages that were recorded from --start on and before --end. Both take a time as
2006-01-02T15:04:05Z, or as 10s the time since the first message. Of latched topics the newest message of each publisher
from before the start is kept too, with the log time of the start, as in a recording that began then. Files of ROS 2 do not
tell publishers apart: --key keeps one message of each, where a field names it.` + rewriteNotes,
		Example: `  shmrec cut drive.mcap -o crash.mcap --start 12m30s --end 13m30s
  shmrec cut bag.mcap -o noon.mcap --key '/tf_static=transforms[0].child_frame_id' --start 2026-07-01T12:00:00Z --end 2026-07-01T12:01:00Z`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if fl.start == "" && fl.end == "" {
				return cli.Usagef(cmd, "which time? Give --start, --end or both")
			}
			return a.rewrite(cmd, []edit.Source{{Path: args[0]}}, &fl)
		},
	}
	fl.addTimes(fl.add(cmd))
	return cmd
}

func (a *app) merge() *cobra.Command {
	var fl rewriteFlags
	var offsets []string
	cmd := &cobra.Command{
		Use:   "merge FILE.mcap... -o NEW.mcap",
		Short: "Write several MCAP files to a new one, by time",
		Long: `merge writes a new file with the messages of several others by log time. A directory stands for the .mcap files in it.
Channels with the same topic, encoding, schema and metadata become one; attachments, metadata records and latched
messages that parts of one recording repeat are kept once. --offset FILE=TIME adds to all times of a file.` + rewriteNotes,
		Example: `  shmrec merge front.mcap rear.mcap -o both.mcap
  shmrec merge robot.mcap camera.mcap --offset camera.mcap=-120ms -o both.mcap`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.Usagef(cmd, "FILE.mcap is missing: %s", cmd.UseLine())
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"mcap"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := sources(cmd, args, offsets)
			if err != nil {
				return err
			}
			return a.rewrite(cmd, from, &fl)
		},
	}
	f := fl.add(cmd)
	f.StringArrayVar(&offsets, "offset", nil, "FILE=TIME, for example camera.mcap=-120ms: add to the times of a file; may be given several times")
	return cmd
}

// sources returns the files with their offsets.
func sources(cmd *cobra.Command, paths, offsets []string) ([]edit.Source, error) {
	var from []edit.Source
	for _, path := range paths {
		from = append(from, edit.Source{Path: path})
	}
	for _, s := range offsets {
		i := strings.LastIndexByte(s, '=')
		d, err := time.ParseDuration(s[i+1:])
		if i < 0 || err != nil {
			return nil, cli.Usagef(cmd, "--offset %.300q is not FILE=TIME, such as camera.mcap=-120ms", s)
		}
		found := false
		for k := range from {
			if from[k].Path == s[:i] {
				if from[k].Offset != 0 {
					return nil, cli.Usagef(cmd, "--offset %.300q: the file has one already", s)
				}
				from[k].Offset, found = d, true
			}
		}
		if !found {
			return nil, cli.Usagef(cmd, "--offset %.300q: %.300q is not one of the files", s, s[:i])
		}
	}
	return from, nil
}

func (a *app) convert() *cobra.Command {
	var fl rewriteFlags
	cmd := &cobra.Command{
		Use:   "convert FILE.mcap|DIRECTORY -o NEW.mcap",
		Short: "Write an MCAP file, or the parts in a directory, with another compression",
		Long: `convert writes everything in a file to a new one with chunks, an index, checksums, and the compression that is asked for. Of a
directory it joins the .mcap files by time, such as the parts of one recording.` + rewriteNotes,
		Example: `  shmrec convert drive.mcap -o small.mcap --level 9
  shmrec convert drive.mcap -o plain.mcap --compression none
  shmrec convert night/ -o night.mcap`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rewrite(cmd, []edit.Source{{Path: args[0]}}, &fl)
		},
	}
	fl.add(cmd)
	return cmd
}

func (a *app) recover() *cobra.Command {
	var fl rewriteFlags
	cmd := &cobra.Command{
		Use:   "recover FILE.mcap -o NEW.mcap",
		Short: "Write what can be read of a damaged MCAP file to a new one",
		Long: `recover writes every message, attachment and metadata record that can be read of a file that was not closed or is damaged to a
new, closed file with an index, also the complete messages of a last chunk that is cut off. A chunk with a wrong checksum
is left out, because some of its messages are wrong. The damage is named, and the exit code is 3.` + rewriteNotes,
		Example: `  shmrec recover drive.mcap -o saved.mcap
  shmrec recover drive.mcap -o saved.mcap --json`,
		Args:              cli.Args("FILE.mcap"),
		ValidArgsFunction: recordingFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.rewrite(cmd, []edit.Source{{Path: args[0]}}, &fl)
		},
	}
	fl.add(cmd)
	return cmd
}
