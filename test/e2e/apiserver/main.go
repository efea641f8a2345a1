// SPDX-License-Identifier: Apache-2.0

// Command apiserver sends audit events as kube-apiserver does: with its own webhook backend behind its own
// buffered and truncate wrappers, in the order in which kube-apiserver puts them.
//
// It prints one line of JSON when all events were sent or given up: how many there were, how many the webhook
// accepted, and how many are lost, because the webhook failed for all retries or because the buffer was full.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	authnv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/apiserver/plugin/pkg/audit/buffered"
	"k8s.io/apiserver/plugin/pkg/audit/truncate"
	auditwebhook "k8s.io/apiserver/plugin/pkg/audit/webhook"
)

// options are kube-apiserver's own flags of the same names, and what to send.
type options struct {
	kubeconfig     string
	initialBackoff time.Duration
	bufferSize     int
	batchMaxSize   int
	batchMaxWait   time.Duration
	throttleQPS    float64
	truncateEvent  int64
	truncateBatch  int64

	events     int
	rate       int
	prefix     string
	largeEvery int
	largeBytes int
}

func parseOptions() options {
	var o options
	flag.StringVar(&o.kubeconfig, "audit-webhook-config-file", "", "kubeconfig of the webhook")
	flag.DurationVar(&o.initialBackoff, "audit-webhook-initial-backoff", auditwebhook.DefaultInitialBackoffDelay,
		"before the first retry")
	flag.IntVar(&o.bufferSize, "audit-webhook-batch-buffer-size", 10000, "events that wait")
	flag.IntVar(&o.batchMaxSize, "audit-webhook-batch-max-size", 400, "events in a request")
	flag.DurationVar(&o.batchMaxWait, "audit-webhook-batch-max-wait", 30*time.Second, "before a request that is not full")
	flag.Float64Var(&o.throttleQPS, "audit-webhook-batch-throttle-qps", 10, "requests a second")
	flag.Int64Var(&o.truncateEvent, "audit-webhook-truncate-max-event-size", 102400, "bytes of an event before it is cut")
	flag.Int64Var(&o.truncateBatch, "audit-webhook-truncate-max-batch-size", 10485760, "bytes of a request")
	flag.IntVar(&o.events, "events", 1000, "how many events to send")
	flag.IntVar(&o.rate, "rate", 4000, "events a second")
	flag.StringVar(&o.prefix, "prefix", "event", "auditIDs are this, a hyphen and the event's number from 0")
	flag.IntVar(&o.largeEvery, "large-every", 0, "each so-manieth event is large; 0: none")
	flag.IntVar(&o.largeBytes, "large-bytes", 200*1024, "bytes of a large event's request object")
	flag.Parse()
	return o
}

// counted counts what the webhook backend did with the events that the buffer gave it.
type counted struct {
	audit.Backend
	accepted int64
	failed   int64
}

func (c *counted) ProcessEvents(events ...*auditinternal.Event) bool {
	ok := c.Backend.ProcessEvents(events...)
	if ok {
		atomic.AddInt64(&c.accepted, int64(len(events)))
	} else {
		atomic.AddInt64(&c.failed, int64(len(events)))
	}
	return ok
}

// report is what is printed. What is neither accepted nor failed did not fit into the buffer, or was too large.
type report struct {
	Events   int64 `json:"events"`
	Accepted int64 `json:"accepted"`
	Failed   int64 `json:"failed"`
	Dropped  int64 `json:"dropped"`
}

func newEvent(o *options, number int) *auditinternal.Event {
	name := fmt.Sprintf("%s-%d", o.prefix, number)
	now := metav1.NowMicro()
	event := &auditinternal.Event{
		Level:      auditinternal.LevelRequest,
		AuditID:    types.UID(name),
		Stage:      auditinternal.StageResponseComplete,
		RequestURI: "/api/v1/namespaces/default/configmaps/" + name,
		Verb:       "update",
		User: authnv1.UserInfo{
			Username: "system:serviceaccount:default:writer",
			Groups:   []string{"system:serviceaccounts", "system:authenticated"},
		},
		SourceIPs:                []string{"10.0.0.7"},
		UserAgent:                "apiserver-test/1.0",
		ObjectRef:                &auditinternal.ObjectReference{Resource: "configmaps", Namespace: "default", Name: name, APIVersion: "v1"},
		ResponseStatus:           &metav1.Status{Code: 200},
		RequestReceivedTimestamp: now,
		StageTimestamp:           now,
		Annotations:              map[string]string{"authorization.k8s.io/decision": "allow"},
	}
	size := 64
	if o.largeEvery > 0 && number%o.largeEvery == 0 {
		size = o.largeBytes
	}
	object := fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","data":{"text":%q}}`, strings.Repeat("x", size))
	event.RequestObject = &runtime.Unknown{Raw: []byte(object), ContentType: runtime.ContentTypeJSON}
	return event
}

// send gives the events to the backend at the wanted rate.
func send(backend audit.Backend, o *options) {
	pause := time.Second / time.Duration(o.rate)
	next := time.Now()
	for number := 0; number < o.events; number++ {
		backend.ProcessEvents(newEvent(o, number))
		next = next.Add(pause)
		if ahead := time.Until(next); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
	}
}

func run(o *options) (report, error) {
	backoff := webhook.DefaultRetryBackoffWithInitialDelay(o.initialBackoff)
	sender, err := auditwebhook.NewBackend(o.kubeconfig, auditv1.SchemeGroupVersion, backoff, nil)
	if err != nil {
		return report{}, err
	}
	counter := &counted{Backend: sender}
	buffer := buffered.NewBackend(counter, buffered.BatchConfig{
		BufferSize:     o.bufferSize,
		MaxBatchSize:   o.batchMaxSize,
		MaxBatchWait:   o.batchMaxWait,
		ThrottleEnable: true,
		ThrottleQPS:    float32(o.throttleQPS),
		ThrottleBurst:  15,
		AsyncDelegate:  true,
	})
	limits := truncate.Config{MaxEventSize: o.truncateEvent, MaxBatchSize: o.truncateBatch}
	backend := truncate.NewBackend(buffer, limits, auditv1.SchemeGroupVersion)
	stop := make(chan struct{})
	if err := backend.Run(stop); err != nil {
		return report{}, err
	}
	send(backend, o)
	close(stop)
	backend.Shutdown()
	result := report{Events: int64(o.events), Accepted: counter.accepted, Failed: counter.failed}
	result.Dropped = result.Events - result.Accepted - result.Failed
	return result, nil
}

func main() {
	o := parseOptions()
	result, err := run(&o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "apiserver:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}
