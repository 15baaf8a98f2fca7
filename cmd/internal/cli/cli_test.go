package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

// run executes a command line of a program with the one command "do", which does what it is given.
func run(t *testing.T, stdout io.Writer, do func(a *App, cmd *cobra.Command) error, args ...string) (code int, stderr string) {
	t.Helper()
	var errs bytes.Buffer
	code = Run(t.Context(), args, stdout, &errs, func(a *App) *cobra.Command {
		root := &cobra.Command{Use: "prog"}
		root.AddCommand(&cobra.Command{Use: "do FILE", Args: Args("FILE"), RunE: func(cmd *cobra.Command, _ []string) error { return do(a, cmd) }})
		return root
	})
	return code, errs.String()
}

func TestTheExitCodeTellsWhatHappened(t *testing.T) {
	for want, err := range map[int]error{
		ExitOK: nil, ExitError: errors.New("no luck"), ExitLossy: fmt.Errorf("f: %w", Lossyf("lost %d", 3)), ExitUsage: fmt.Errorf("f: %w", Usage(&cobra.Command{Use: "c"}, errors.New("bad"))),
	} {
		code, stderr := run(t, io.Discard, func(*App, *cobra.Command) error { return err }, "do", "x")
		if code != want || (err == nil) != (stderr == "") || err != nil && !strings.HasPrefix(stderr, "prog: "+err.Error()+"\n") {
			t.Errorf("%v ends with %d and %q", err, code, stderr)
		}
	}
	if Usage(nil, nil) != nil {
		t.Error("nothing wrong is an error")
	}
}

func TestAWrongCommandLineIsNamedWithTheWayOut(t *testing.T) {
	for line, want := range map[string]string{
		"":                   "it takes one of the commands completion, do\n'prog --help'",
		"dp":                 "unknown command \"dp\"; did you mean do?\n'prog --help'",
		"frobnicate":         "unknown command \"frobnicate\"; there are completion, do\n'prog --help'",
		"help frobnicate":    "unknown command \"frobnicate\"; there are completion, do\n'prog --help'",
		"do":                 "FILE is missing: prog do FILE [flags]\n'prog do --help'",
		"do a b":             `"b" is one argument too many: prog do FILE [flags]`,
		"do a --frob":        "unknown flag: --frob\n'prog do --help'",
		"do a --jsno":        "unknown flag: --jsno; did you mean --json?\n'prog do --help'",
		"do a -json":         "unknown shorthand flag: 'j' in -json; did you mean --json?\n'prog do --help'",
		"do a --domian=x":    "unknown flag: --domian; did you mean --domain?\n'prog do --help'",
		"--domian x do":      "unknown flag: --domian; did you mean --domain?\n'prog do --help'",
		"completion --jsno":  "unknown flag: --jsno; did you mean --json?\n'prog completion --help'",
		"do a --json=maybe":  `invalid argument "maybe" for "--json" flag: invalid syntax`,
		"do a --domain a/b":  `"a/b" is not a valid domain name`,
		"do a --dir here":    "use an absolute one",
		"do a --domain":      "flag needs an argument: --domain",
		"completion":         "it takes one of the commands bash, fish, powershell, zsh\n'prog completion --help'",
		"completion tcsh":    `unknown command "tcsh"; there are bash, fish, powershell, zsh`,
		"completion bash me": `unknown command "me" for "prog completion bash"`,
	} {
		var stdout bytes.Buffer
		code, stderr := run(t, &stdout, func(*App, *cobra.Command) error { return nil }, strings.Fields(line)...)
		if code != ExitUsage || !strings.Contains(stderr, want) || !strings.HasSuffix(stderr, "shows how to use it.\n") || stdout.Len() > 0 {
			t.Errorf("%q ends with %d, %q and on stdout %q", line, code, stderr, stdout.String())
		}
	}
}

// A negative number is an argument like another, wherever it stands, unless it is the value of a flag.
func TestNegativeNumbersAreArguments(t *testing.T) {
	for line, want := range map[string]string{
		"do a -1.5":             "[a -1.5] 0 false",
		"do -3":                 "[-3] 0 false",
		"--json do -1 a":        "[-1 a] 0 true",
		"do a -1e-3 --json":     "[a -1e-3] 0 true",
		"do a -.5 -n 7":         "[a -.5] 7 false",
		"do -n -4 a -5":         "[a -5] -4 false",
		"do -n-4 a -5":          "[a -5] -4 false",
		"do --count -4 -5 -6":   "[-5 -6] -4 false",
		"do --count=-4 -5 - x":  "[-5 - x] -4 false",
		"do -vn -4 -5":          "[-5] -4 false",
		"do -v -5 -n 2 -inf":    "[-5 -inf] 2 false",
		"do -1 -- -2 --json":    "[-1 -2 --json] 0 false",
		"do -- -2":              "[-2] 0 false",
		"do -n -4 a":            "[a] -4 false",
		"do a -1x":              "unknown shorthand flag: '1' in -1x",
		"do a -1 -x":            "unknown shorthand flag: 'x' in -x",
		"do a -1 --count":       "flag needs an argument: --count",
		"do a -1 --count fifty": "invalid argument",
	} {
		var got string
		var errs bytes.Buffer
		code := Run(t.Context(), strings.Fields(line), io.Discard, &errs, func(a *App) *cobra.Command {
			root := &cobra.Command{Use: "prog"}
			var n int
			do := &cobra.Command{Use: "do", RunE: func(_ *cobra.Command, args []string) error {
				got = fmt.Sprint(args, n, a.JSON)
				return nil
			}}
			do.Flags().IntVarP(&n, "count", "n", 0, "")
			do.Flags().BoolP("verbose", "v", false, "")
			root.AddCommand(do)
			return root
		})
		if got != want && (code != ExitUsage || !strings.Contains(errs.String(), want)) {
			t.Errorf("%q is %s, %q", line, got, errs.String())
		}
	}
}

func TestErrorsCannotCommandATerminal(t *testing.T) {
	_, stderr := run(t, io.Discard, func(*App, *cobra.Command) error { return errors.New("one\x1b[2J\ntwo\u202e") }, "do", "x")
	if stderr != "prog: one\\x1b[2J\ntwo\\u202e\n" {
		t.Errorf("%q", stderr)
	}
}

// A shut writer takes some bytes and then refuses.
type shut struct {
	room int
	why  error
}

func (s *shut) Write(p []byte) (int, error) {
	if s.room -= len(p); s.room < 0 {
		return 0, s.why
	}
	return len(p), nil
}

func TestAReaderThatLeavesEndsTheCommandQuietly(t *testing.T) {
	endless := func(result error) func(a *App, cmd *cobra.Command) error {
		return func(a *App, cmd *cobra.Command) error {
			for cmd.Context().Err() == nil {
				if err := a.Line("x"); err != nil {
					return err
				}
			}
			return result
		}
	}
	left := fmt.Errorf("write: %w", syscall.EPIPE)
	if code, stderr := run(t, &shut{100, left}, endless(context.Canceled), "do", "x"); code != ExitOK || stderr != "" {
		t.Errorf("ends with %d, %q", code, stderr)
	}
	if code, stderr := run(t, &shut{10, left}, endless(nil), "--help"); code != ExitOK || stderr != "" {
		t.Errorf("help ends with %d, %q", code, stderr)
	}
	if code, _ := run(t, &shut{100, left}, endless(Lossyf("lost")), "do", "x"); code != ExitLossy {
		t.Errorf("with losses it ends with %d", code)
	}
	full := fmt.Errorf("write: %w", syscall.ENOSPC)
	for _, args := range [][]string{{"do", "x"}, {"--help"}, {"completion", "bash"}} {
		if code, stderr := run(t, &shut{10, full}, endless(nil), args...); code != ExitError || !strings.Contains(stderr, "no space left on device") {
			t.Errorf("%v on a full disk ends with %d, %q", args, code, stderr)
		}
	}
	if code, stderr := run(t, &shut{10, full}, endless(Lossyf("lost")), "do", "x"); code != ExitError || !strings.Contains(stderr, "no space left on device") {
		t.Errorf("with losses on a full disk it ends with %d, %q", code, stderr)
	}
}

func TestFlagsChooseTheDomain(t *testing.T) {
	code, stderr := run(t, io.Discard, func(a *App, _ *cobra.Command) error {
		if dir, err := a.DomainDir(); err != nil || dir != "/tmp/x/y" || !a.JSON {
			t.Errorf("%s, %v, %v", dir, a.JSON, err)
		}
		return nil
	}, "do", "x", "--dir", "/tmp/x", "--domain", "y", "--json")
	if code != ExitOK {
		t.Error(code, stderr)
	}
}

func TestJSONMeansTheSameAndIsPlain(t *testing.T) {
	var b bytes.Buffer
	a := &App{Stdout: &b}
	in := map[string]string{"a\u202e<": "\u009b\x1b[2J"}
	if err := errors.Join(a.Line(in), a.Document(in)); err != nil {
		t.Fatal(err)
	}
	for d := json.NewDecoder(bytes.NewReader(b.Bytes())); d.More(); {
		var out map[string]string
		if err := d.Decode(&out); err != nil || out["a\u202e<"] != in["a\u202e<"] {
			t.Errorf("%q, %v", out, err)
		}
	}
	if want := `{"a\u202e<":"\u009b\u001b[2J"}` + "\n{\n  " + `"a\u202e<": "\u009b\u001b[2J"` + "\n}\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestGridAligns(t *testing.T) {
	g := NewGrid("NAME", ">N", "LAST")
	g.Add("漢字", "5", "x")
	g.Add("long\u202e", "12345", "")
	var b bytes.Buffer
	if err := g.Print(&b); err != nil {
		t.Fatal(err)
	}
	want := "NAME            N  LAST\n漢字            5  x\nlong\\u202e  12345  -\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// Names are cut to the width of a terminal, nothing else is, and nothing where the width is not known.
func TestGrid_Fit(t *testing.T) {
	long := strings.Repeat("0123456789", 20)
	for columns, want := range map[int]string{
		0:   "NAME" + strings.Repeat(" ", 196) + "  N  KIND                  TO\n" + long + "  5  abcdefghijklmnopqrst  short/name\n",
		300: "NAME" + strings.Repeat(" ", 196) + "  N  KIND                  TO\n" + long + "  5  abcdefghijklmnopqrst  short/name\n",
		60:  "NAME                     N  KIND                  TO\n0123456…567890123456789  5  abcdefghijklmnopqrst  short/name\n",
		20:  "NAME                      N  KIND                  TO\n0123456…4567890123456789  5  abcdefghijklmnopqrst  short/name\n",
	} {
		g := NewGrid("~NAME", ">N", "KIND", "~TO")
		g.Add(long, "5", "abcdefghijklmnopqrst", "short/name")
		var b bytes.Buffer
		if err := g.Fit(columns).Print(&b); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("%d columns: got\n%swant\n%s", columns, b.String(), want)
		}
	}
}

func TestWhatDoesNotEndIsLeftBehind(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	stuck := make(chan struct{})
	defer close(stuck)
	err := Await(ctx, func() error {
		cancel()
		<-stuck
		return nil
	})
	if !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v", err)
	}
	if err := Await(ctx, func() error { return io.EOF }); !errors.Is(err, io.EOF) {
		t.Errorf("what ended in time returns %v", err)
	}
}
