package prompt

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/util/flowcontrol"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// How many events tell of objects that another controller reconciles: twenty at once, then one in thirty seconds. They say the
// same of each, and two installations may share a namespace of thousands.
const (
	othersBurst    = 20
	othersInterval = 30 * time.Second
)

// othersObjects remembers which objects another controller reconciles. The zero value is ready.
type othersObjects struct {
	mu      sync.Mutex
	objects map[types.NamespacedName]string // who reconciles them
	told    map[string]bool                 // the controllers that the log told of
	events  flowcontrol.PassiveRateLimiter
}

// note remembers an object, and reports whether an event and a line of the log are to tell of it.
func (o *othersObjects) note(key types.NamespacedName, controller string) (event, line bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.objects == nil {
		o.objects, o.told = map[types.NamespacedName]string{}, map[string]bool{}
		o.events = flowcontrol.NewTokenBucketPassiveRateLimiter(1/float32(othersInterval.Seconds()), othersBurst)
	}
	known := o.objects[key] == controller
	line = !o.told[controller]
	o.objects[key], o.told[controller] = controller, true
	objectsOfOthers.Set(float64(len(o.objects)))
	return !known && o.events.TryAccept(), line
}

// forget forgets an object that is gone, or that nobody else reconciles any more.
func (o *othersObjects) forget(key types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, is := o.objects[key]; is {
		delete(o.objects, key)
		objectsOfOthers.Set(float64(len(o.objects)))
	}
}

// reportOther says that p is left to another controller, where people may read it. Its status does not: it is the other's.
func (r *Reconciler) reportOther(ctx context.Context, p *v1alpha1.Prompt) {
	other := promptobject.ControllerOf(p)
	event, line := r.others.note(client.ObjectKeyFromObject(p), other)
	if event {
		r.Status.RecordWarning(p, v1alpha1.ReasonOtherController, fmt.Sprintf("controller %s leaves this prompt alone, because %s reconciles it; "+
			"see that one of them alone watches namespace %s (--watch-namespaces); %s", r.Controller, other, p.Namespace, takeoverAdvice(other)))
	}
	if line {
		ctrl.LoggerFrom(ctx).Info("Left prompts alone that another controller reconciles; lectern_prompts_of_other_controllers counts them",
			"otherController", other, "advice", "see that one controller alone watches a namespace (--watch-namespaces); "+takeoverAdvice(other))
	}
}

// takeoverAdvice returns how a controller that is gone is made to let go of what was its own. A name that no Lease can have is not
// repeated in a command: whoever may write a status chose it.
func takeoverAdvice(other string) string {
	namespace, lease, _ := strings.Cut(other, "/")
	if len(validation.IsDNS1123Label(namespace)) > 0 || len(validation.IsDNS1123Subdomain(lease)) > 0 {
		return "no controller can have that name: have somebody who may patch the status of prompts clear status.controller " +
			"(kubectl patch prompt NAME --subresource=status --type=merge -p '{\"status\":{\"controller\":null}}')"
	}
	return fmt.Sprintf("if that one is gone for good: lectern release --all --leader-election-namespace=%s --leader-election-lease=%s", namespace, lease)
}
