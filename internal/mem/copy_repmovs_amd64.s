//go:build !race

#include "textflag.h"

// func moveString(dst, src []byte) bool
//
// A leaf without a frame, so a fault in it unwinds like one in copy.
TEXT ·moveString(SB), NOSPLIT, $0-49
	MOVQ dst_base+0(FP), DI
	MOVQ src_base+24(FP), SI
	MOVQ src_len+32(FP), CX
	MOVQ DI, AX
	SUBQ SI, AX
	CMPQ AX, CX
	JB   overlap // dst begins inside src
	NEGQ AX
	CMPQ AX, CX
	JB   overlap // src begins inside dst

	// REP MOVSB is at its best where the destination begins a cache line. The bytes up to there are stored afterwards: it waits
	// for earlier stores, whose lines are fetched.
	MOVQ  DI, AX
	NEGQ  AX
	ANDQ  $63, AX
	JEQ   aligned
	MOVQ  DI, DX
	MOVOU (SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3
	ADDQ  AX, DI
	ADDQ  AX, SI
	SUBQ  AX, CX
	REP
	MOVSB
	MOVOU X0, (DX)
	MOVOU X1, 16(DX)
	MOVOU X2, 32(DX)
	MOVOU X3, 48(DX)
	MOVB  $1, ret+48(FP)
	RET

aligned:
	REP
	MOVSB
	MOVB $1, ret+48(FP)
	RET

overlap:
	MOVB $0, ret+48(FP)
	RET
