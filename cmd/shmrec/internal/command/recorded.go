package command

import (
	"fmt"
	"os"
	"strings"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
)

// isStdout reports whether writing to path is writing to standard output.
func isStdout(path string) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	out, err := os.Stdout.Stat()
	return err == nil && os.SameFile(there, out)
}

// chosen says which topics were to be recorded.
func chosen(o *record.RecordOptions) string {
	var parts []string
	for _, t := range o.Topics {
		parts = append(parts, fmt.Sprintf("--topic %q", t))
	}
	if o.Include != nil {
		parts = append(parts, fmt.Sprintf("--include %q", o.Include))
	}
	if o.Exclude != nil {
		parts = append(parts, fmt.Sprintf("--exclude %q", o.Exclude))
	}
	if o.IncludeTypes != nil {
		parts = append(parts, fmt.Sprintf("--type %q", o.IncludeTypes))
	}
	if o.ExcludeTypes != nil {
		parts = append(parts, fmt.Sprintf("--exclude-type %q", o.ExcludeTypes))
	}
	return strings.Join(parts, " ")
}

// lostText says what was lost and what helps.
func lostText(s *record.Summary) string {
	var parts []string
	if n := s.Lost - s.TooLarge - s.NoChannel - s.Dropped - s.DroppedEnded; n > 0 {
		parts = append(parts, fmt.Sprintf("%d messages were lost: they were overwritten before the recorder could take them", n))
	}
	if s.Dropped > 0 {
		parts = append(parts, fmt.Sprintf("%d messages were lost: the recorder dropped them, because the disk was slower; a larger --cache helps for a while", s.Dropped))
	}
	if s.DroppedEnded > 0 {
		parts = append(parts, fmt.Sprintf("%d messages were lost: they were dropped, because publishers that ended left more than the recorder keeps", s.DroppedEnded))
	}
	if s.TooLarge > 0 {
		var topics []string
		for _, t := range s.Topics {
			if t.TooLarge > 0 {
				topics = append(topics, t.Topic)
			}
		}
		parts = append(parts, fmt.Sprintf("%d messages were lost: a recording takes messages of up to %d MiB; publish in parts, or leave out (--exclude) %s",
			s.TooLarge, mcapfile.MaxMessage>>20, strings.Join(topics, ", ")))
	}
	if s.NoChannel > 0 {
		parts = append(parts, fmt.Sprintf("%d messages were lost: an MCAP file takes %d topics and types; record fewer (--include, --exclude)",
			s.NoChannel, 1<<16))
	}
	return strings.Join(parts, "; ")
}
