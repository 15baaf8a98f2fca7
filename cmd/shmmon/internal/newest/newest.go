// Package newest decodes the newest message of topics, to find those whose bytes are not of the type that their publisher announces.
//
// It reads without taking part: no publisher sees it or waits for it.
package newest

import (
	"context"
	"fmt"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
	"github.com/shmbus/shmbus/topic"
)

// MaxPayload is the largest payload that is decoded, in bytes.
const MaxPayload = 1 << 20

// Undecodable returns why the newest message of each of the topics cannot be decoded as its publisher's type, of those where that is so.
// Topics with larger payloads than MaxPayload, and those of raw or unknown encodings, are left out. opts must be those of the
// domain; ReadOnly is set. The error says why nothing could be read.
func Undecodable(ctx context.Context, opts topic.Options, topics map[string]bool) (map[string]error, error) {
	opts.ReadOnly = true
	self, err := topic.Join(&opts)
	if err != nil {
		return nil, fmt.Errorf("read the newest messages: %w", err)
	}
	defer self.Close()
	sub, err := topic.NewSubscriber(ctx, self, "**", &topic.SubscriberOptions[[]byte]{
		History: 1, Filter: func(name string) bool { return topics[name] },
	})
	if err != nil {
		return nil, fmt.Errorf("read the newest messages: %w", err)
	}
	defer sub.Close()
	wrong := make(map[string]error)
	var convert dynamic.Converter
	// Topics that publish all the time would go on for ever: one message of each publisher is looked at.
	seen := make(map[topic.PublisherID]bool)
	for range 2*sub.Publishers() + 1 {
		s, ok, err := sub.TryReceive()
		if err != nil || !ok {
			break
		}
		if id := s.Publisher(); !seen[id] {
			seen[id] = true
			if err := decode(&convert, s); err != nil && wrong[s.Topic()] == nil {
				wrong[s.Topic()] = err
			}
		}
		s.Release()
	}
	return wrong, nil
}

// decode returns why a message is not of its type. What its publisher took away meanwhile is no error of the bytes.
func decode(convert *dynamic.Converter, s topic.Sample[[]byte]) error {
	kind := s.Type()
	if !dynamic.Supports(kind.Encoding) || len(s.Bytes()) > MaxPayload {
		return nil
	}
	payload, err := s.AppendTo(nil)
	if err != nil {
		return nil
	}
	_, err = convert.ToJSON(kind, payload)
	if err != nil && len(kind.Schema) == 0 && needsSchema(kind) {
		return nil // there is nothing to decode it by
	}
	return err
}

func needsSchema(kind serde.Type) bool {
	switch kind.Encoding {
	case serde.EncodingJSON, serde.EncodingMsgPack, serde.EncodingCBOR, serde.EncodingString:
		return false
	}
	return true
}
