package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/shmbus/shmbus/cmd/internal/cli"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/metrics"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/rules"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/services"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
)

// An exportOptions is the flags of export.
type exportOptions struct {
	listen   string
	interval time.Duration
	duration time.Duration
	rules    string
	once     bool
	all      bool
}

func (a *app) export() *cobra.Command {
	var o exportOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Serve the figures of the domain to Prometheus",
		Long: `Serve the figures of the domain as Prometheus metrics over HTTP, at /metrics, until interrupted or for --duration. The address must
be one of this machine's own (loopback): topic names and rates are for those that may read the domain. With --once it prints the
metrics and ends, as for the node exporter's directory of text files.

Counters go on when a publisher restarts. shmbus_up is 0 while there is no such domain, or it cannot be read. With --once that is an
error.`,
		Example: `  shmmon export
  shmmon export --listen 127.0.0.1:9500 --rules robot.toml
  shmmon export --once > shmbus.prom`,
		Args: cli.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.interval < minWatch || o.interval > time.Hour:
				return cli.Usagef(cmd, "--interval %v is not between %v and 1h", o.interval, minWatch)
			case o.duration < 0:
				return cli.Usagef(cmd, "--duration %v is negative", o.duration)
			case a.JSON:
				return cli.Usagef(cmd, "metrics have no JSON form; 'shmmon list --json' has the same figures")
			}
			r := rules.Default()
			if o.rules != "" {
				var err error
				if r, err = loadRules(cmd.Context(), o.rules); err != nil {
					return err
				}
			}
			source, dir, err := a.open()
			if err != nil {
				return err
			}
			defer source.Close()
			reader := services.Open(dir)
			defer reader.Close()
			s := &scraper{dir: dir, source: source, services: reader, all: o.all, tracker: watch.NewTracker(nil), monitor: rules.NewMonitor(r), exporter: metrics.New()}
			if o.once {
				if err := s.scan(cmd.Context()); err != nil {
					return err
				}
				_, err := a.Stdout.Write(s.exporter.Text())
				return err
			}
			return a.serve(cmd, s, o)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&o.listen, "listen", "127.0.0.1:9464", "loopback address to serve at; port 0 is any free one")
	fl.DurationVar(&o.interval, "interval", time.Second, "time between two scans of the domain")
	fl.DurationVar(&o.duration, "duration", 0, "serve for this long; 0 is until interrupted")
	fl.StringVar(&o.rules, "rules", "", "file of rules for shmbus_alerts, instead of the default ones")
	allFlag(cmd, &o.all)
	fl.BoolVar(&o.once, "once", false, "print the metrics and end")
	_ = cmd.MarkFlagFilename("rules") // fails only for a flag that does not exist
	return cmd
}

// A scraper makes metrics of a domain.
type scraper struct {
	dir      string
	source   *watch.Domain
	services services.Source
	all      bool // also topics of services and parameters
	tracker  *watch.Tracker
	monitor  *rules.Monitor
	exporter *metrics.Exporter
}

func (s *scraper) scan(ctx context.Context) error {
	snapshot, err := s.source.Snapshot()
	if err == nil && snapshot.Missing {
		err = &noDomainError{s.dir}
	}
	if err != nil {
		s.exporter.Fail()
		return err
	}
	v := s.tracker.Add(snapshot)
	alerts, _ := s.monitor.Add(v)
	scan := metrics.Scan{View: v, Now: time.Now(), Alerts: alerts}
	if slices.ContainsFunc(v.Topics, func(t watch.Topic) bool { return watch.Internal(t.Name) }) {
		reading, err := s.services.Read(ctx, services.WantServices)
		if err != nil { // the figures of topics are worth having without those of services
			scan.View.Problems = append(slices.Clone(v.Problems), err)
		}
		scan.Services, scan.Figures = reading.Services(v, "**"), reading.Figures
	}
	if !s.all {
		scan.View = scan.View.ForApplications()
	}
	s.exporter.Add(scan)
	return nil
}

// run scans until ctx ends. A domain that cannot be read may be there again later.
func (s *scraper) run(ctx context.Context, interval time.Duration, failed func(error)) {
	var said string
	for {
		err := s.scan(ctx)
		if err != nil && err.Error() != said {
			failed(err)
		}
		if said = ""; err != nil {
			said = err.Error()
		}
		if pause(ctx, interval) != nil {
			return
		}
	}
}

// loopback returns a listener at an address of this machine's own.
func loopback(cmd *cobra.Command, address string) (net.Listener, error) {
	tcp, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, cli.Usagef(cmd, "--listen %w", err)
	}
	if !tcp.IP.IsLoopback() {
		return nil, cli.Usagef(cmd, "--listen %s is no loopback address such as 127.0.0.1:9464; other machines can reach it by a proxy that asks for a password", address)
	}
	l, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return nil, fmt.Errorf("serve at %s: %w; --listen chooses another address", address, err)
	}
	return l, nil
}

func (a *app) serve(cmd *cobra.Command, s *scraper, o exportOptions) error {
	l, err := loopback(cmd, o.listen)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if o.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.duration)
		defer cancel()
	}
	// The first failure is an error of the command, but it waits for a domain, which may be made later.
	if err := s.scan(cmd.Context()); err != nil && !errors.As(err, new(*noDomainError)) {
		l.Close()
		return err
	}
	server := &http.Server{
		Handler: metricsHandler(s.exporter), ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Fprintf(a.Stdout, "http://%s/metrics\n", l.Addr())
	scanned := make(chan struct{})
	go func() {
		defer close(scanned)
		s.run(ctx, o.interval, func(err error) { fmt.Fprintln(a.Stderr, err) })
	}()
	select {
	case err = <-served:
	case <-ctx.Done():
		server.Close()
		err = <-served
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve at %s: %w", l.Addr(), err)
	}
	<-scanned
	return nil
}

// maxScrapes is how many scrapes are answered at the same time.
const maxScrapes = 4

// metricsHandler answers requests for the metrics. A page of another site that makes a browser ask has that site as its host, and gets nothing.
func metricsHandler(e *metrics.Exporter) http.Handler {
	places := make(chan struct{}, maxScrapes)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		ip := net.ParseIP(host)
		switch {
		case host != "localhost" && (ip == nil || !ip.IsLoopback()):
			http.Error(w, "the host must be a loopback address", http.StatusForbidden)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		case r.URL.Path == "/":
			_, _ = io.WriteString(w, "the metrics are at /metrics\n")
		case r.URL.Path != "/metrics":
			http.NotFound(w, r)
		default:
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
			default:
				http.Error(w, "too many scrapes at the same time", http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			w.Header().Set("Cache-Control", "no-store")
			_, _ = w.Write(e.Text()) // a client that left needs no answer
		}
	})
}
