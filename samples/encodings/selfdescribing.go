package main

import (
	"context"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// These three encode any Go type, by the names of its fields.

func jsonSender(ctx context.Context, p *topic.Participant) (sender, error) {
	return newSender(ctx, p, serde.JSON[Pose](), serde.JSON[Image](), serde.JSON[PointCloud](), unchanged)
}

func cborSender(ctx context.Context, p *topic.Participant) (sender, error) {
	return newSender(ctx, p, serde.CBOR[Pose](), serde.CBOR[Image](), serde.CBOR[PointCloud](), unchanged)
}

func msgpackSender(ctx context.Context, p *topic.Participant) (sender, error) {
	return newSender(ctx, p, serde.MsgPack[Pose](), serde.MsgPack[Image](), serde.MsgPack[PointCloud](), unchanged)
}

func unchanged(s observation) (Pose, Image, PointCloud) { return s.Pose, s.Image, s.Points }
