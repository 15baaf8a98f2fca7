package peers

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/shmbus/shmbus/bench/internal/env"
	"github.com/shmbus/shmbus/bench/internal/figures"
	"github.com/shmbus/shmbus/bench/internal/proc"
)

// oneThread is the benchmark of package topic that times its calls in one goroutine.
const oneThread = "BenchmarkOneThread"

var oneThreadLine = regexp.MustCompile(`(?m)^` + oneThread + `/(\S+)\s+\d+\s+([\d.]+) ns/op`)

// oneThreadFigures are the names of its figures.
func oneThreadFigures() map[string]string {
	return map[string]string{
		"Publish/subscribers=0": figures.OnePublish, "TryReceive/empty": figures.OneEmpty,
		"Publish+TryReceive+Release": figures.OnePair, "Latest/unchanged": figures.OneLatest,
	}
}

// OneThread is the compiled test program of package topic.
type OneThread struct {
	env  *env.Environment
	path string
}

// NewOneThread returns the program, which is not compiled yet.
func NewOneThread(e *env.Environment) *OneThread { return &OneThread{env: e} }

// Build compiles the program.
func (o *OneThread) Build(ctx context.Context) (err error) {
	if o.path == "" {
		o.path, err = o.env.BuildTest(ctx, o.env.Module, "topic")
	}
	return err
}

// Run times each call for a while, with one processor.
func (o *OneThread) Run(ctx context.Context, d time.Duration) (figures.Figures, error) {
	if err := o.Build(ctx); err != nil {
		return nil, err
	}
	out, err := proc.Run(ctx, filepath.Join(o.env.Module, "topic"), nil, o.path, "-test.run", "^$", "-test.bench", "^"+oneThread+"$", "-test.cpu", "1",
		"-test.benchtime", o.env.Duration(d).String())
	if err != nil {
		return nil, err
	}
	return parseOneThread(out)
}

func parseOneThread(out []byte) (figures.Figures, error) {
	f, names := figures.Figures{}, oneThreadFigures()
	for _, m := range oneThreadLine.FindAllSubmatch(out, -1) {
		name, ok := names[string(m[1])]
		if !ok {
			continue
		}
		ns, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return nil, err
		}
		f[name] = ns
	}
	if len(f) != len(names) {
		return nil, fmt.Errorf("%s printed %d figures, not %d", oneThread, len(f), len(names))
	}
	return f, nil
}
