package control

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// A Client is a connection to a server. It is for one goroutine at a time.
type Client struct {
	Description Description
	conn        net.Conn
	lines       *bufio.Scanner
}

// An AnswerError is the reason for which a server refused a command.
type AnswerError struct {
	Command string
	Reason  string
}

func (e *AnswerError) Error() string { return fmt.Sprintf("%s: %s", e.Command, e.Reason) }

// Dial connects to the server with the socket at path and asks for its description.
func Dial(ctx context.Context, path string) (*Client, error) {
	c := new(Client)
	err := withShortPath(path, func(path string) (err error) {
		c.conn, err = (&net.Dialer{}).DialContext(ctx, "unix", path)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	c.lines = bufio.NewScanner(c.conn)
	c.lines.Buffer(nil, maxAnswer)
	result, err := c.Do(ctx, describe)
	if err == nil {
		err = json.Unmarshal(result, &c.Description)
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("connect to %s: %w", path, err)
	}
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Do executes a command and returns its result, which is JSON. If the server refuses it, the error is an *AnswerError. After any
// other error, such as that of ctx, the connection is closed.
func (c *Client) Do(ctx context.Context, command string, arguments ...string) (json.RawMessage, error) {
	result, err := c.exchange(ctx, request{command, arguments})
	if err != nil && !errors.As(err, new(*AnswerError)) {
		c.conn.Close()
		err = fmt.Errorf("%s: %w", command, cmp.Or(ctx.Err(), err))
	}
	return result, err
}

func (c *Client) exchange(ctx context.Context, r request) (json.RawMessage, error) {
	defer context.AfterFunc(ctx, func() { c.conn.SetDeadline(time.Unix(1, 0)) })()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if len(line) > maxRequest {
		return nil, &AnswerError{r.Command, fmt.Sprintf("a request has at most %d bytes", maxRequest)}
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	if !c.lines.Scan() {
		return nil, cmp.Or(c.lines.Err(), error(io.ErrUnexpectedEOF))
	}
	var a answer
	if err := json.Unmarshal(c.lines.Bytes(), &a); err != nil {
		return nil, fmt.Errorf("the answer is not valid: %w", err)
	}
	if a.Error != "" {
		return nil, &AnswerError{r.Command, a.Error}
	}
	return a.Result, nil
}

// maxSockets bounds the sockets of a directory that List looks at.
const maxSockets = 1024

// List connects to all servers of the domain in the directory dir, by process id. Those of other users are left out; silent are the sockets
// of those that do not answer before ctx ends, as of a stopped process. It removes the sockets of participants that are dead. The caller
// closes the clients.
func List(ctx context.Context, dir string) (clients []*Client, silent []string, err error) {
	paths, dead, err := sockets(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, path := range dead {
		os.Remove(path) // of another user: it stays
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	turns := make(chan struct{}, maxClients)
	for _, path := range paths {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			c, err := Dial(ctx, path)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				clients = append(clients, c)
			case ctx.Err() != nil:
				silent = append(silent, path)
			} // else it ended meanwhile, or is another user's
		})
	}
	wg.Wait()
	slices.SortFunc(clients, func(a, b *Client) int {
		return cmp.Or(cmp.Compare(a.Description.PID, b.Description.PID), cmp.Compare(a.Description.Path, b.Description.Path))
	})
	slices.Sort(silent)
	return clients, silent, nil
}

// Sockets returns the paths of the sockets of live participants in the directory of a domain, for Dial. It changes nothing.
func Sockets(dir string) ([]string, error) {
	paths, _, err := sockets(dir)
	return paths, err
}

// sockets returns the paths of the sockets of live and of dead participants.
func sockets(dir string) (paths, dead []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list the control sockets: %w", err)
	}
	for _, e := range entries {
		id, ok := ownerOf(e.Name())
		if !ok || e.Type() != fs.ModeSocket || len(paths) == maxSockets {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if is, err := registry.IsDead(dir, id); err == nil && is {
			dead = append(dead, path)
			continue
		}
		paths = append(paths, path)
	}
	return paths, dead, nil
}
