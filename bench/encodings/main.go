// Encodings measures what each encoding costs beside its library, beside raw bytes or beside copying by hand, in turns:
//
//	go run ./encodings                 5 rounds
//	go run ./encodings -rounds 9
//
// It builds the benchmarks of the module beside it and runs the two sides of each pair right after each other, every other round the
// other way round. It prints the median of the ratios and the bar. It needs two processors that have nothing else to do.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// A pair is two benchmarks of a package and the bar for the ratio of the first to the second.
type pair struct {
	what        string
	dir         string // package, from the root of the module
	ours, other string
	atMost      float64
}

func pairs() []pair {
	const core, cdr = "topic", "serde/cdr"
	all := []pair{
		{what: "plain struct of 64 B / raw bytes, polled", dir: core, ours: "Plain/plain/64", other: "Plain/raw/64", atMost: 1.1},
		{what: "plain array of 1 MiB / raw bytes, polled", dir: core, ours: "Plain/plain/1MiB", other: "Plain/raw/1MiB", atMost: 1.1},
		{what: "FlatBuffers, a field of 1 MiB / of 1 KiB", dir: core, ours: "FlatBuffersRead/1024KiB", other: "FlatBuffersRead/1KiB", atMost: 1.2},
		{what: "Cap'n Proto, a field of 1 MiB / of 1 KiB", dir: core, ours: "CapnprotoInPlace/1024KiB", other: "CapnprotoInPlace/1KiB", atMost: 1.2},
	}
	for _, message := range []string{"pose", "cloud/10", "cloud/10000", "image/640x480"} {
		all = append(all, pair{what: "protobuf " + message + " / library", dir: core,
			ours: "Protobuf/" + message + "/bus", other: "Protobuf/" + message + "/library", atMost: 1.15})
	}
	for _, encoding := range []string{"msgpack", "cbor", "json"} {
		all = append(all, pair{what: encoding + " scan / library", dir: core,
			ours: "Codecs/" + encoding + "/bus", other: "Codecs/" + encoding + "/library", atMost: 1.15})
	}
	for _, way := range []string{"encode", "decode"} {
		for _, message := range [][2]string{{"imu", "Imu"}, {"image 640x480", "Image"}} {
			all = append(all, pair{what: "CDR " + message[0] + ", " + way + " / by hand", dir: cdr,
				ours: message[1] + "/codec/" + way, other: message[1] + "/byhand/" + way, atMost: 1 / 0.8})
		}
	}
	return all
}

func main() {
	rounds := flag.Int("rounds", 5, "runs of each side")
	flag.Parse()
	if *rounds < 1 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "encodings: -rounds must be at least 1, and there are no arguments")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "encodings:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int) error {
	dir, err := os.MkdirTemp("", "shmbus-encodings-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, programs := pairs(), map[string]string{}
	for _, p := range all {
		if programs[p.dir] != "" {
			continue
		}
		programs[p.dir] = filepath.Join(dir, filepath.Base(p.dir)+".test")
		build := exec.CommandContext(ctx, "go", "test", "-c", "-o", programs[p.dir], "./"+p.dir)
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the benchmarks of %s: %w\n%s", p.dir, err, out)
		}
	}
	ratios, ours, other := make([][]float64, len(all)), make([][]result, len(all)), make([][]result, len(all))
	for round := range rounds {
		for i, p := range all {
			names := []string{p.ours, p.other}
			if round%2 == 1 {
				slices.Reverse(names)
			}
			got := map[string]result{}
			for _, name := range names {
				if got[name], err = benchmark(ctx, programs[p.dir], name); err != nil {
					return err
				}
			}
			ours[i], other[i] = append(ours[i], got[p.ours]), append(other[i], got[p.other])
			ratios[i] = append(ratios[i], got[p.ours].nanos/got[p.other].nanos)
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "pair\tours ns\tother ns\tratio\tmin .. max\tbar\tmet\tallocs")
	for i, p := range all {
		r := median(ratios[i], func(r float64) float64 { return r })
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%.2f\t%.2f .. %.2f\t<= %.2f\t%v\t%.0f / %.0f\n", p.what, median(ours[i], nanos), median(other[i], nanos),
			r, slices.Min(ratios[i]), slices.Max(ratios[i]), p.atMost, r <= p.atMost, median(ours[i], allocs), median(other[i], allocs))
	}
	return w.Flush()
}

// A result is that of one run of a benchmark, for each iteration.
type result struct{ nanos, allocs float64 }

func nanos(r result) float64  { return r.nanos }
func allocs(r result) float64 { return r.allocs }

var line = regexp.MustCompile(`(?m)^Benchmark\S+\s+\d+\s+([0-9.]+) ns/op.*?\s(\d+) allocs/op$`)

// benchmark runs one benchmark of a test program.
func benchmark(ctx context.Context, program, name string) (result, error) {
	benchtime := (time.Second / 5).String()
	cmd := exec.CommandContext(ctx, program, "-test.run", "^$", "-test.bench", exactly(name), "-test.benchtime", benchtime)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		return result{}, fmt.Errorf("benchmark %s: %w\n%s", name, err, out)
	}
	m := line.FindSubmatch(out)
	if m == nil {
		return result{}, fmt.Errorf("benchmark %s printed no figures:\n%s", name, out)
	}
	var r result
	if r.nanos, err = strconv.ParseFloat(string(m[1]), 64); err == nil {
		r.allocs, err = strconv.ParseFloat(string(m[2]), 64)
	}
	return r, err
}

// exactly is the expression that selects one benchmark.
func exactly(name string) string {
	parts := strings.Split("Benchmark"+name, "/")
	expression := ""
	for i, part := range parts {
		if i > 0 {
			expression += "/"
		}
		expression += "^" + regexp.QuoteMeta(part) + "$"
	}
	return expression
}

func median[T any](all []T, figure func(T) float64) float64 {
	var figures []float64
	for _, v := range all {
		figures = append(figures, figure(v))
	}
	slices.Sort(figures)
	n := len(figures)
	return (figures[(n-1)/2] + figures[n/2]) / 2
}
