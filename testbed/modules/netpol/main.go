// The network policy controller of kube-router for one node, embedded as k3s does (pkg/agent/netpol);
// kube-router's routing and BGP are not needed. It works in the network namespace it is started in and
// needs iptables, iptables-save, iptables-restore and ipset on PATH.
package main

import (
	"flag"
	"sync"
	"time"

	"github.com/cloudnativelabs/kube-router/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/pkg/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "file with the address and the account")
	node := flag.String("node", "", "name of this node")
	services := flag.String("service-cidr", "", "range of the Services' addresses")
	flag.Parse()
	if err := enforce(*kubeconfig, *node, *services); err != nil {
		klog.Fatal(err)
	}
}

// enforce keeps the node's firewall as the policies say, until the process is killed.
func enforce(kubeconfig, node, services string) error {
	rest, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return err
	}

	forever := make(chan struct{})
	factory := informers.NewSharedInformerFactory(client, 0)
	pods := factory.Core().V1().Pods().Informer()
	namespaces := factory.Core().V1().Namespaces().Informer()
	policies := factory.Networking().V1().NetworkPolicies().Informer()
	factory.Start(forever)
	factory.WaitForCacheSync(forever)

	config := options.NewKubeRouterConfig()
	config.ClusterIPCIDR = services
	config.HostnameOverride = node
	config.RunFirewall = true
	config.IPTablesSyncPeriod = 30 * time.Second
	controller, err := netpol.NewNetworkPolicyController(client, config, pods, policies, namespaces, &sync.Mutex{})
	if err != nil {
		return err
	}
	for informer, handler := range map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		pods:       controller.PodEventHandler,
		policies:   controller.NetworkPolicyEventHandler,
		namespaces: controller.NamespaceEventHandler,
	} {
		informer.AddEventHandler(handler)
	}

	// The controller blocks when nobody takes its heartbeats.
	heartbeats := make(chan *healthcheck.ControllerHeartbeat, 10)
	go func() {
		for range heartbeats {
		}
	}()
	var running sync.WaitGroup
	running.Add(1)
	controller.Run(heartbeats, forever, &running)
	return nil
}
