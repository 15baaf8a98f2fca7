package main

import (
	"os"
	"slices"
	"testing"

	"github.com/shmbus/shmbus/bench/internal/table"
)

func TestParse_Flags(t *testing.T) {
	o, code := parse([]string{"--only", "ucx,polled", "--only", "lmdb", "--skip", "nats", "--rounds", "7", "--json"})
	if code != -1 || o.rounds != 7 || !o.json || !slices.Equal(o.only, []string{"ucx", "polled", "lmdb"}) || !slices.Equal(o.skip, []string{"nats"}) {
		t.Errorf("got %+v, %d", o, code)
	}
	if o, code := parse([]string{"--smoke"}); code != -1 || o.rounds != 1 || !o.smoke {
		t.Errorf("got %+v, %d", o, code)
	}
	if o, _ := parse(nil); !o.full() {
		t.Error("a run without flags does not belong into the history")
	}
	for _, args := range [][]string{{"--smoke"}, {"--only", "ucx"}, {"--skip", "ucx"}, {"--history", ""}} {
		if o, code := parse(args); code != -1 || o.full() {
			t.Errorf("%q: got %+v, %d", args, o, code)
		}
	}
	for _, args := range [][]string{{"--rounds", "0"}, {"--fast"}, {"ucx"}} {
		if _, code := parse(args); code != 2 {
			t.Errorf("%q: exit code %d, not 2", args, code)
		}
	}
}

func TestVerdict_ExitCode(t *testing.T) {
	no := false
	for name, c := range map[string]struct {
		row       table.Row
		code, all int
	}{
		"a bar that is not met": {table.Row{Met: &no}, 0, 0},
		"a failure":             {table.Row{Error: "no such luck"}, 1, 1},
		"a missing peer":        {table.Row{Missing: "gcc"}, 0, 1},
	} {
		r := report{Regimes: []section{{Rows: []table.Row{{}}}, {Rows: []table.Row{c.row}}}}
		if got, all := r.verdict(false), r.verdict(true); got != c.code || all != c.all {
			t.Errorf("%s: got %d, with --all %d, want %d and %d", name, got, all, c.code, c.all)
		}
	}
}

func TestPerformance_IsWhatTheHistorySays(t *testing.T) {
	text, err := os.ReadFile("../" + performance)
	if err != nil {
		t.Fatal(err)
	}
	want, err := documented(string(text), "../history.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if want != string(text) {
		t.Error("docs/performance.md differs from the history: run make performance")
	}
}
