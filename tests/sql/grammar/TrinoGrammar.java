import io.trino.grammar.sql.SqlBaseLexer;
import io.trino.grammar.sql.SqlBaseParser;
import java.nio.charset.StandardCharsets;
import org.antlr.v4.runtime.BaseErrorListener;
import org.antlr.v4.runtime.CharStreams;
import org.antlr.v4.runtime.CommonTokenStream;
import org.antlr.v4.runtime.RecognitionException;
import org.antlr.v4.runtime.Recognizer;

/** Reads statements, each ended by a NUL, and prints for each "ok" or the first thing Trino's grammar says. */
public class TrinoGrammar {
    static String first;

    public static void main(String[] arguments) throws Exception {
        String text = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        for (String statement : text.split("\0")) {
            System.out.println(judge(statement));
        }
    }

    static String judge(String statement) {
        first = "ok";
        var listener = new BaseErrorListener() {
            @Override
            public void syntaxError(Recognizer<?, ?> recognizer, Object symbol, int line, int column, String message,
                    RecognitionException error) {
                if (first.equals("ok")) {
                    first = line + ":" + (column + 1) + ": " + message.replace("\n", " ");
                }
            }
        };
        var lexer = new SqlBaseLexer(CharStreams.fromString(statement));
        lexer.removeErrorListeners();
        lexer.addErrorListener(listener);
        var parser = new SqlBaseParser(new CommonTokenStream(lexer));
        parser.removeErrorListeners();
        parser.addErrorListener(listener);
        parser.singleStatement();
        return first;
    }
}
