package command

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/cmd/shmmon/internal/newest"
	"github.com/shmbus/shmbus/cmd/shmmon/internal/watch"
	"github.com/shmbus/shmbus/topic"
)

// verify decodes the newest message of each topic and notes in the topic why that failed.
func (a *app) verify(ctx context.Context, topics []watch.Topic) {
	names := make(map[string]bool, len(topics))
	for _, t := range topics {
		if len(t.Publishers) > 0 && t.Messages > 0 && t.MaxSize <= newest.MaxPayload {
			names[t.Name] = true
		}
	}
	if len(names) == 0 {
		return
	}
	wrong, err := newest.Undecodable(ctx, topic.Options{Dir: a.Dir, Domain: a.Domain, Unit: "shmmon"}, names)
	if err != nil {
		fmt.Fprintln(a.Stderr, err) // the rest is known without it
		return
	}
	for i := range topics {
		topics[i].PayloadError = wrong[topics[i].Name]
	}
}

// payloadNote marks a topic whose bytes are not of its type.
func payloadNote(t watch.Topic) string {
	if t.PayloadError == nil {
		return ""
	}
	return fmt.Sprintf(", bytes are not %s", t.Encoding)
}
