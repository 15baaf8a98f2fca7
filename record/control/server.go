package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// A Command is an action that clients may ask for.
type Command struct {
	CommandDescription
	// Run executes the command. Its result is marshaled to JSON. Several clients may call it at the same time. Its context ends
	// with the server.
	Run func(ctx context.Context, arguments []string) (any, error)
}

// A Service is what a server offers.
type Service struct {
	Kind     string // "recorder" or "player"
	Path     string // of the recording
	Commands []Command
}

// Limits of a server.
const (
	maxClients  = 16
	maxServers  = 64 // of one participant
	idleTimeout = time.Minute
	sendTimeout = time.Second
)

// A Server executes the commands of clients on goroutines of its own, until Close.
type Server struct {
	service  Service
	listener net.Listener
	path     string
	ctx      context.Context
	end      context.CancelFunc
	running  sync.WaitGroup

	mu      sync.Mutex
	clients map[net.Conn]bool
	closed  bool
}

// Serve makes a socket for the participant id in the directory dir of its domain and begins to serve. The participant must
// live as long as the server.
func Serve(dir string, id registry.ID, service Service) (*Server, error) {
	s := &Server{service: service, clients: make(map[net.Conn]bool)}
	for n := 0; ; n++ {
		s.path = socketPath(dir, id, n)
		err := withShortPath(s.path, func(path string) (err error) {
			s.listener, err = (&net.ListenConfig{Control: openForOwner}).Listen(context.Background(), "unix", path)
			return err
		})
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EADDRINUSE) || n == maxServers {
			return nil, fmt.Errorf("open the control socket %s: %w", s.path, err)
		}
	}
	s.listener.(*net.UnixListener).SetUnlinkOnClose(false) // the path of the bind may have been a short one
	s.ctx, s.end = context.WithCancel(context.Background())
	s.running.Go(s.accept)
	return s, nil
}

// Close ends the server: it removes the socket, ends the contexts of running commands, and waits until these are answered. Further calls do
// nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.end()
	err := errors.Join(os.Remove(s.path), s.listener.Close())
	for c := range s.clients {
		c.SetReadDeadline(time.Now()) // not closed: the command that ended the program has no answer yet
	}
	s.mu.Unlock()
	s.running.Wait()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// acceptPause is the wait after a failed accept, such as without a free file descriptor.
const acceptPause = 100 * time.Millisecond

func (s *Server) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			if s.ctx.Err() != nil {
				return
			}
			time.Sleep(acceptPause)
			continue
		}
		if s.add(c) {
			s.running.Go(func() { s.serve(c) })
		} else {
			c.Close()
		}
	}
}

func (s *Server) add(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.clients) >= maxClients {
		return false
	}
	s.clients[c] = true
	return true
}

// serve answers the requests of one client, one after the other.
func (s *Server) serve(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.clients, c)
	}()
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, maxRequest)
	for s.mayRead(c) {
		if !lines.Scan() {
			if errors.Is(lines.Err(), bufio.ErrTooLong) {
				s.send(c, answer{Error: fmt.Sprintf("a request has at most %d bytes", maxRequest)})
			}
			return
		}
		if s.send(c, s.execute(lines.Bytes())) != nil {
			return
		}
	}
}

// mayRead begins the time for a request, unless the server ends.
func (s *Server) mayRead(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && c.SetReadDeadline(time.Now().Add(idleTimeout)) == nil
}

func (s *Server) send(c net.Conn, a answer) error {
	line, err := json.Marshal(a)
	if err != nil || len(line) > maxAnswer {
		line, _ = json.Marshal(answer{Error: fmt.Sprintf("the answer has more than %d bytes, or is no JSON", maxAnswer)})
	}
	if err := c.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	_, err = c.Write(append(line, '\n'))
	return err
}

func (s *Server) execute(line []byte) answer {
	var r request
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return answer{Error: fmt.Sprintf("the request is not valid: %v", err)}
	}
	result, err := s.run(r)
	if err != nil {
		return answer{Error: err.Error()}
	}
	js, err := json.Marshal(result)
	if err != nil {
		return answer{Error: fmt.Sprintf("the result of %s: %v", r.Command, err)}
	}
	return answer{Result: js}
}

func (s *Server) run(r request) (any, error) {
	if r.Command == describe {
		return s.description(), nil
	}
	i := slices.IndexFunc(s.service.Commands, func(c Command) bool { return c.Name == r.Command })
	if i < 0 {
		return nil, fmt.Errorf("a %s has no command %.100q; it has %s", s.service.Kind, r.Command, strings.Join(s.description().Names(), ", "))
	}
	return s.service.Commands[i].Run(s.ctx, r.Arguments)
}

func (s *Server) description() Description {
	path := s.service.Path
	if full, err := filepath.Abs(path); err == nil && path != "" {
		path = full
	}
	d := Description{Kind: s.service.Kind, PID: os.Getpid(), Path: path}
	for _, c := range s.service.Commands {
		d.Commands = append(d.Commands, c.CommandDescription)
	}
	return d
}

// Names returns the names of the commands.
func (d Description) Names() (names []string) {
	for _, c := range d.Commands {
		names = append(names, c.Name)
	}
	return names
}

// maxSocketPath is the number of bytes of a path that the address of a socket holds.
const maxSocketPath = 100

// withShortPath calls use with a path of the same file that fits into the address of a socket.
func withShortPath(path string, use func(path string) error) error {
	if len(path) <= maxSocketPath {
		return use(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return use(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}
