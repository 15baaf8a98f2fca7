package topic

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestConnectContext_Ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		ctx, cancel := connectContext()
		defer cancel()
		<-ctx.Done()
		if took := time.Since(begin); took != connectTimeout {
			t.Errorf("it took %v", took)
		}
	})
}
