import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.Executors;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.exceptions.AlreadyExistsException;
import org.apache.iceberg.exceptions.CommitFailedException;
import org.apache.iceberg.exceptions.NoSuchNamespaceException;
import org.apache.iceberg.exceptions.NoSuchTableException;
import org.apache.iceberg.exceptions.ValidationException;
import org.apache.iceberg.inmemory.InMemoryCatalog;
import org.apache.iceberg.rest.CatalogHandlers;
import org.apache.iceberg.rest.RESTCatalogProperties.SnapshotMode;
import org.apache.iceberg.rest.RESTSerializers;
import org.apache.iceberg.rest.requests.CreateNamespaceRequest;
import org.apache.iceberg.rest.requests.CreateTableRequest;
import org.apache.iceberg.rest.requests.UpdateTableRequest;
import org.apache.iceberg.rest.responses.ConfigResponse;
import org.apache.iceberg.rest.responses.ErrorResponse;
import org.apache.iceberg.shaded.com.fasterxml.jackson.annotation.JsonAutoDetect;
import org.apache.iceberg.shaded.com.fasterxml.jackson.annotation.PropertyAccessor;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.DeserializationFeature;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.iceberg.shaded.com.fasterxml.jackson.databind.PropertyNamingStrategies;

/**
 * A REST catalog out of Iceberg's own request handlers, with branches and snapshot history, for tables on a local disk.
 * Run as a source file with the Iceberg Spark runtime on the class path; the argument is the warehouse's folder. Prints
 * its port. What it knows is gone when it ends.
 */
public class ForeignRestCatalog {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final InMemoryCatalog CATALOG = new InMemoryCatalog();

  public static void main(String[] args) throws IOException {
    JSON.setVisibility(PropertyAccessor.FIELD, JsonAutoDetect.Visibility.ANY);
    JSON.configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    JSON.setPropertyNamingStrategy(PropertyNamingStrategies.KebabCaseStrategy.INSTANCE);
    RESTSerializers.registerAll(JSON);
    CATALOG.initialize("memory", Map.of("warehouse", args[0]));
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 64);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/v1/", ForeignRestCatalog::serve);
    server.start();
    System.out.println(server.getAddress().getPort());
  }

  private static void serve(HttpExchange exchange) throws IOException {
    byte[] request = exchange.getRequestBody().readAllBytes();
    String[] path = exchange.getRequestURI().getPath().substring("/v1/".length()).split("/");
    int status = 200;
    Object answer;
    try {
      answer = route(exchange.getRequestMethod(), path, request);
    } catch (Exception error) {
      status = statusOf(error);
      answer = ErrorResponse.builder()
          .responseCode(status)
          .withType(error.getClass().getSimpleName())
          .withMessage(String.valueOf(error.getMessage()))
          .build();
    }
    byte[] body = answer == null ? new byte[0] : JSON.writeValueAsBytes(answer);
    boolean empty = body.length == 0 || exchange.getRequestMethod().equals("HEAD");
    exchange.getResponseHeaders().set("content-type", "application/json");
    exchange.sendResponseHeaders(status == 200 && body.length == 0 ? 204 : status, empty ? -1 : body.length);
    if (!empty) exchange.getResponseBody().write(body);
    exchange.close();
  }

  private static Object route(String method, String[] path, byte[] request) throws IOException {
    boolean post = method.equals("POST");
    if (path[0].equals("config")) return ConfigResponse.builder().build();
    if (!path[0].equals("namespaces")) throw new NoSuchNamespaceException("No such path");
    if (path.length == 1) {
      return post
          ? CatalogHandlers.createNamespace(CATALOG, JSON.readValue(request, CreateNamespaceRequest.class))
          : CatalogHandlers.listNamespaces(CATALOG, Namespace.empty());
    }
    Namespace namespace = Namespace.of(path[1]);
    if (path.length == 2) return CatalogHandlers.loadNamespace(CATALOG, namespace);
    if (path.length == 3) {
      if (!post) return CatalogHandlers.listTables(CATALOG, namespace);
      CreateTableRequest create = JSON.readValue(request, CreateTableRequest.class);
      return create.stageCreate()
          ? CatalogHandlers.stageTableCreate(CATALOG, namespace, create)
          : CatalogHandlers.createTable(CATALOG, namespace, create);
    }
    TableIdentifier table = TableIdentifier.of(namespace, path[3]);
    if (path.length > 4) return null;
    return post
        ? CatalogHandlers.updateTable(CATALOG, table, JSON.readValue(request, UpdateTableRequest.class))
        : CatalogHandlers.loadTable(CATALOG, table, SnapshotMode.ALL);
  }

  private static int statusOf(Exception error) {
    if (error instanceof NoSuchTableException || error instanceof NoSuchNamespaceException) return 404;
    if (error instanceof AlreadyExistsException || error instanceof CommitFailedException) return 409;
    if (error instanceof ValidationException || error instanceof IllegalArgumentException) return 400;
    return 500;
  }
}
