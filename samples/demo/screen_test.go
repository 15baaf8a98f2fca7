package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

func values(n int) []value {
	var all []value
	for i := range n {
		all = append(all, value{Topic: fmt.Sprintf("host/%d", i), Text: strings.Repeat("wide ", 40), Count: 7})
	}
	return all
}

func TestTheTableFitsAnOrdinaryTerminal(t *testing.T) {
	var b strings.Builder
	s := &screen{w: &b, terminal: true}
	s.draw(time.Second, values(100))
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) > 23 || s.drawn != len(lines) {
		t.Errorf("%d lines, %d remembered", len(lines), s.drawn)
	}
	for _, l := range lines {
		if utf8.RuneCountInString(l) > 79 {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(l), l)
		}
	}
	if last := lines[len(lines)-1]; last != "  and 81 topics more" {
		t.Errorf("the last line is %q", last)
	}
}

func TestTheTableIsDrawnOverItselfAndNotOverOtherLines(t *testing.T) {
	var b strings.Builder
	s := &screen{w: &b, terminal: true}
	s.draw(time.Second, values(2))
	b.Reset()
	s.draw(time.Second, values(2))
	if !strings.HasPrefix(b.String(), "\x1b[3A\x1b[J") {
		t.Errorf("the second table begins with %.12q", b.String())
	}
	s.print("next")
	b.Reset()
	s.draw(time.Second, values(2))
	if strings.Contains(b.String(), "\x1b") {
		t.Errorf("a table below a line begins with %.12q", b.String())
	}
}

func TestTextOfOthersDoesNotMoveTheCursor(t *testing.T) {
	if got := cut("a\x1b[2J\nb\u009bc\tzwölf"); got != "a[2Jbczwölf" {
		t.Fatalf("%q", got)
	}
}

func TestTheSummaryIsOneLineOfWhatTellsMost(t *testing.T) {
	got := summary(3*time.Second, []value{
		{"host/cpu/0", "  1 % busy (user 1)", 5}, {"host/cpu/total", " 34 % busy (user 30)", 5}, {"host/load", "0.5 0.4 0.3", 1},
	})
	if want := "   3.0 s     11 samples on 3 topics, CPU 34 % busy, load 0.5 0.4 0.3"; got != want {
		t.Fatalf("%q, want %q", got, want)
	}
}

func TestLinesInAPipeEndWithTheLastValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		v := (&screen{w: &b}).watch()
		for i := range 9 { // every quarter of a second
			v.show(values(i))
			time.Sleep(time.Second / 4)
		}
		v.finish()
		v.finish()
		want := "   1.0 s     28 samples on 4 topics\n" + "   2.0 s     56 samples on 8 topics\n"
		if b.String() != want {
			t.Fatalf("got\n%swant\n%s", b.String(), want)
		}
		v.show(values(9))
		v.finish()
		if want += "   2.2 s     63 samples on 9 topics\n"; b.String() != want {
			t.Fatalf("got\n%swant\n%s", b.String(), want)
		}
	})
}
