package main

import (
	"context"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/jsonschema"
	"github.com/shmbus/shmbus/topic"
)

// These encodings write the names of the fields into the payload. Any program can show it. The schema, which is made of the Go type, says
// which fields and values there may be.

func jsonSender(ctx context.Context, p *topic.Participant) (sender, error) {
	return describedSender(ctx, p, serde.JSON[Pose](), serde.JSON[Image](), serde.JSON[PointCloud]())
}

func cborSender(ctx context.Context, p *topic.Participant) (sender, error) {
	return describedSender(ctx, p, serde.CBOR[Pose](), serde.CBOR[Image](), serde.CBOR[PointCloud]())
}

func msgpackSender(ctx context.Context, p *topic.Participant) (sender, error) {
	return describedSender(ctx, p, serde.MsgPack[Pose](), serde.MsgPack[Image](), serde.MsgPack[PointCloud]())
}

func describedSender(ctx context.Context, p *topic.Participant, pose serde.Codec[Pose], image serde.Codec[Image], points serde.Codec[PointCloud]) (sender, error) {
	pose, err := jsonschema.Codec(pose)
	if err != nil {
		return nil, err
	}
	image, err = jsonschema.Codec(image)
	if err != nil {
		return nil, err
	}
	points, err = jsonschema.Codec(points)
	if err != nil {
		return nil, err
	}
	return newSender(ctx, p, pose, image, points, unchanged)
}

func unchanged(s observation) (Pose, Image, PointCloud) { return s.Pose, s.Image, s.Points }
