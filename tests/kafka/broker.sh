#!/usr/bin/env bash
# A real single-node Apache Kafka (KRaft) from Maven Central, without Docker.
#
#   broker.sh DIR [PORT [CONTROLLER_PORT]]   run in the foreground, data in DIR, until SIGTERM or Ctrl-C;
#                                            prints "Kafka Server started" when it serves
#                                            and the properties of DIR/added.properties, if there are any
#   broker.sh --fetch                        only get the jars
#
# Needs Java 17 or newer, and Maven the first time. The jars (about 45 MB) stay in
# ${KAFKA_JARS:-~/.cache/cxstream/kafka}. KAFKA_HEAP replaces the heap's options.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
jars="${KAFKA_JARS:-$HOME/.cache/cxstream/kafka}"
version="$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")"

# Fetched beside their place and moved in whole, so that neither an interrupted nor a parallel run leaves half.
fetch() {
  if [ -f "$jars/.complete" ] && [ -f "$jars/kafka_2.13-$version.jar" ]; then return; fi
  local part="$jars.part.$$"
  # shellcheck disable=SC2064 # expanded now: `part` is gone when the trap runs
  trap "rm -rf '$part'" EXIT
  echo "getting Apache Kafka $version into $jars"
  mvn -B -q -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$part" -DincludeScope=runtime
  mkdir -p "$jars"
  rm -f "$jars"/*.jar
  mv -f "$part"/*.jar "$jars/"
  touch "$jars/.complete"
  rm -rf "$part"
  trap - EXIT
}

fetch
if [ "${1:?usage: broker.sh DIR [PORT [CONTROLLER_PORT]]}" = --fetch ]; then exit 0; fi
dir="$(mkdir -p "$1" && cd "$1" && pwd)"
port="${2:-9092}"
controller="${3:-$((port + 1))}"

cat > "$dir/log4j2.xml" <<'XML'
<Configuration status="WARN">
  <Appenders><Console name="STDOUT"><PatternLayout pattern="[%d] %p %m (%c)%n"/></Console></Appenders>
  <Loggers>
    <Root level="WARN"><AppenderRef ref="STDOUT"/></Root>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
  </Loggers>
</Configuration>
XML

cat > "$dir/server.properties" <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$dir/data
num.partitions=4
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
# A killed broker registers again when its old session is over: 3 s instead of 9.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# One node: nothing can be replicated. Few partitions: internal topics are created in a moment.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
CONF
# Of a property given twice, the last counts.
if [ -f "$dir/added.properties" ]; then cat "$dir/added.properties" >> "$dir/server.properties"; fi

java=(java -Djava.awt.headless=true "-Dlog4j2.configurationFile=file:$dir/log4j2.xml" -cp "$jars/*")
if [ ! -f "$dir/data/meta.properties" ]; then
  # The cluster id is arbitrary; a fixed one saves a start of the JVM.
  "${java[@]}" -XX:TieredStopAtLevel=1 kafka.tools.StorageTool format --standalone \
    -t 4L6g3nShT-eMCtK--X86sw -c "$dir/server.properties" > "$dir/format.log" 2>&1 || { cat "$dir/format.log" >&2; exit 1; }
fi
read -ra heap <<< "${KAFKA_HEAP:--Xms256m -Xmx512m}"
exec "${java[@]}" "${heap[@]}" kafka.Kafka "$dir/server.properties"
