package command

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/internal/text"
	"github.com/shmbus/shmbus/doctor"
)

// A findingReport is a finding in JSON. Texts that do not apply are empty, numbers 0.
type findingReport struct {
	Severity    string   `json:"severity"`
	Fault       string   `json:"fault"`
	What        string   `json:"what"`
	Why         string   `json:"why"`
	Remedy      string   `json:"remedy"`
	Command     string   `json:"command"`
	Topic       string   `json:"topic"`
	Participant string   `json:"participant"`
	Endpoint    string   `json:"entity"`
	Unit        string   `json:"unit"`
	PID         int      `json:"pid"`
	Files       []string `json:"files"`
	FileCount   int      `json:"file_count"`
}

func reportFinding(f doctor.Finding) findingReport {
	r := findingReport{
		Severity: f.Severity.String(), Fault: string(f.Fault), What: f.What, Why: f.Why, Remedy: f.Remedy, Command: f.Command,
		Topic: f.Topic, Unit: f.Unit, PID: f.PID, Files: f.Files, FileCount: f.FileCount,
	}
	if f.Participant != 0 {
		r.Participant = f.Participant.String()
	}
	if f.Endpoint != 0 {
		r.Endpoint = fmt.Sprintf("%v.%d", f.Participant, f.Endpoint)
	}
	if r.Files == nil {
		r.Files = []string{}
	}
	return r
}

// A fileSystemReport is what a domain lies on, in JSON.
type fileSystemReport struct {
	Tmpfs     bool  `json:"tmpfs"`
	Size      int64 `json:"size"`
	Used      int64 `json:"used"`
	Available int64 `json:"available"`
	Domain    int64 `json:"domain"`
}

func (a *app) doctor() *cobra.Command {
	var sample time.Duration
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong with the domain, and what helps",
		Long: `Find out what is wrong with the domain, explain it, and say what helps: dead and stopped processes, slots that are
neither used nor freed, slow subscriptions, modes and owners, a full file system, damaged and foreign files, other versions.

It scans twice, --sample apart, and reports what was so at both scans, and what was lost in between. It changes nothing,
takes no part in the domain, and waits for no process. A finding is a problem, a warning, or a note.

Exit codes: 0 nothing or notes only, 1 the domain could not be examined, 2 wrong usage, 3 problems or warnings.`,
		Example: `  shmmon doctor
  shmmon doctor --sample 10s
  shmmon doctor --json | jq -r '.findings[] | select(.severity == "problem") | .what'`,
		Args: cli.Args(),
	}
	cmd.Flags().DurationVar(&sample, "sample", time.Second, "how long to wait for losses and failures")
	return a.repeatable(cmd, func(cmd *cobra.Command, _ []string) error {
		if sample < doctor.MinSample || sample > doctor.MaxSample {
			return cli.Usagef(cmd, "--sample %v is not between %v and 1h", sample, doctor.MinSample)
		}
		dir, err := a.DomainDir()
		if err != nil {
			return err
		}
		r, err := doctor.Examine(cmd.Context(), dir, &doctor.Options{Sample: sample})
		switch {
		case cmd.Context().Err() != nil:
			return cli.ErrInterrupted
		case err != nil:
			return err
		}
		err = a.print(doctorResult(r))
		if n := r.Count(doctor.Problem) + r.Count(doctor.Warning); err == nil && n > 0 {
			err = cli.Unwellf("%s and %s in %s", text.Many(uint64(r.Count(doctor.Problem)), "problem"),
				text.Many(uint64(r.Count(doctor.Warning)), "warning"), dir)
		}
		return err
	})
}

func doctorResult(r *doctor.Report) result {
	findings := make([]findingReport, len(r.Findings))
	for i, f := range r.Findings {
		findings[i] = reportFinding(f)
	}
	return table(struct {
		Domain     string           `json:"domain"`
		Exists     bool             `json:"exists"`
		Sample     float64          `json:"sample_s"`
		Alive      int              `json:"alive"`
		Stopped    int              `json:"stopped"`
		Dead       int              `json:"dead"`
		FileSystem fileSystemReport `json:"file_system"`
		Problems   int              `json:"problems"`
		Warnings   int              `json:"warnings"`
		Notes      int              `json:"notes"`
		Findings   []findingReport  `json:"findings"`
	}{r.Domain, r.Exists, round(r.Sampled.Seconds()), r.Alive, r.Stopped, r.Dead, fileSystemReport(r.FileSystem),
		r.Count(doctor.Problem), r.Count(doctor.Warning), r.Count(doctor.Note), findings}, findings, texts(doctorText(r)))
}

func doctorText(r *doctor.Report) string {
	var b strings.Builder
	line := func(name, format string, args ...any) { summary(&b, name, format, args...) }
	line("domain", "%s", r.Domain)
	if r.Exists {
		line("processes", "%d alive, %d of them stopped; %d dead", r.Alive, r.Stopped, r.Dead)
		line("file system", "%s", fileSystemText(r.FileSystem))
	}
	for _, f := range r.Findings {
		b.WriteByte('\n')
		line(f.Severity.String(), "%s [%s]", f.What, f.Fault)
		if where := whereText(f); where != "" {
			line("  where", "%s", where)
		}
		line("  why", "%s", f.Why)
		line("  remedy", "%s", f.Remedy)
		if f.Command != "" {
			line("", "%s", f.Command)
		}
	}
	if len(r.Findings) == 0 {
		b.WriteString("\nnothing is wrong\n")
	}
	return b.String()
}

func fileSystemText(f doctor.FileSystem) string {
	kind := "tmpfs"
	if !f.Tmpfs {
		kind = "no tmpfs"
	}
	domain := text.Bytes(uint64(f.Domain)) + " by this domain"
	if f.Size == 0 {
		return kind + " without a limit, " + domain
	}
	return fmt.Sprintf("%s, %s: %s used, %s; %s available", kind, text.Bytes(uint64(f.Size)), text.Bytes(uint64(f.Used)), domain, text.Bytes(uint64(f.Available)))
}

func whereText(f doctor.Finding) string {
	var parts []string
	if f.Topic != "" {
		parts = append(parts, "topic "+f.Topic)
	}
	switch {
	case f.Endpoint != 0:
		parts = append(parts, fmt.Sprintf("%v.%d", f.Participant, f.Endpoint))
	case f.Participant != 0:
		parts = append(parts, "participant "+f.Participant.String())
	}
	const shown = 3
	for i, name := range f.Files {
		if i == shown {
			break
		}
		parts = append(parts, name)
	}
	if f.FileCount > shown {
		parts = append(parts, fmt.Sprintf("%d more files", f.FileCount-shown))
	}
	return strings.Join(parts, ", ")
}
