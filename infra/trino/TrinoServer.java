import io.trino.filesystem.local.LocalFileSystemFactory;
import io.trino.plugin.hive.InternalHiveConnectorFactory;
import io.trino.server.testing.TestingTrinoServer;
import io.trino.spi.Plugin;
import io.trino.spi.connector.Connector;
import io.trino.spi.connector.ConnectorContext;
import io.trino.spi.connector.ConnectorFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A Trino server on 127.0.0.1 whose Hive connector reads the Parquet files of a local lake. Tables are
 * {@code local:///<path below the lake>}; its metastore is a folder, too. It prints its address, and ends
 * when its standard input does, so that it never outlives who started it.
 *
 * <pre>java -cp 'server/*:trino-hive-435/*' TrinoServer.java LAKE</pre>
 */
public class TrinoServer {
    record Lake(Path root) implements ConnectorFactory {
        @Override
        public String getName() {
            return "lake";
        }

        @Override
        public Connector create(String name, Map<String, String> config, ConnectorContext context) {
            return InternalHiveConnectorFactory.createConnector(
                    name, config, context, binder -> {},
                    Optional.empty(), Optional.of(new LocalFileSystemFactory(root)), Optional.empty());
        }
    }

    record Files(Path root) implements Plugin {
        @Override
        public Iterable<ConnectorFactory> getConnectorFactories() {
            return List.of(new Lake(root));
        }
    }

    public static void main(String[] arguments) throws Exception {
        TestingTrinoServer server = TestingTrinoServer.builder()
                .setProperties(Map.of("query.max-memory-per-node", "300MB"))
                .build();
        server.installPlugin(new Files(Path.of(arguments[0])));
        server.createCatalog("awsdatacatalog", "lake", Map.of(
                "hive.metastore", "file",
                "hive.metastore.catalog.dir", "local:///metastore",
                "hive.non-managed-table-writes-enabled", "false"));
        System.out.println("listening on " + server.getBaseUrl());
        while (System.in.read() >= 0) {
            // wait for the end of the input
        }
        System.exit(0);
    }
}
